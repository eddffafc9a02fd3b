/**
 * Bytes of a text file → its text, or why it is none. Decoding by itself would put U+FFFD in the place of what it cannot read, and a text
 * damaged in that way would be kept as if somebody had written it.
 */

/** Line and column from 1; columns count UTF-16 units, as editors do. */
export interface Utf8Fault {
  readonly line: number
  readonly column: number
  /** What is wrong and what to do, to stand behind the place. */
  readonly message: string
}

const REPLACEMENT = Buffer.from('\ufffd')

/** A byte order mark at the start is left out of the text. */
export function decodeUtf8(bytes: Buffer): { readonly text: string } | { readonly fault: Utf8Fault } {
  if (isUtf16(bytes))
    return {
      fault: { line: 1, column: 1, message: 'the text is UTF-16; save it as UTF-8 (in PowerShell: … | Out-File -Encoding utf8 FILE)' },
    }
  const decoded = bytes.toString('utf8')
  const mark = decoded.startsWith('\ufeff') ? 1 : 0
  const bad = firstReplaced(bytes, decoded)
  if (!bad) return { text: decoded.slice(mark) }
  const before = decoded.slice(mark, bad.index).split('\n')
  const byte = bytes[bad.offset]!.toString(16).toUpperCase().padStart(2, '0')
  return {
    fault: { line: before.length, column: before.at(-1)!.length + 1, message: `the byte 0x${byte} is not UTF-8; save the text as UTF-8` },
  }
}

/** By its byte order mark; without one by the zero beside its first character, as YAML 1.2.2 has it (section 5.2). */
function isUtf16(bytes: Buffer): boolean {
  const [first, second] = bytes
  if (first === undefined || second === undefined) return false
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || (first === 0) !== (second === 0)
}

/** The first U+FFFD that the file does not hold itself. */
function firstReplaced(bytes: Buffer, decoded: string): { readonly index: number; readonly offset: number } | undefined {
  let offset = 0
  let from = 0
  for (let index = decoded.indexOf('\ufffd'); index !== -1; index = decoded.indexOf('\ufffd', from)) {
    offset += Buffer.byteLength(decoded.slice(from, index))
    if (!bytes.subarray(offset, offset + REPLACEMENT.length).equals(REPLACEMENT)) return { index, offset }
    offset += REPLACEMENT.length
    from = index + 1
  }
  return undefined
}
