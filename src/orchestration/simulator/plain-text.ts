/** Passes bytes on where they may be a text in UTF-8; what they are instead is said. */
import { StrataError } from '../../kernel/errors.ts'

const OTHERS: readonly (readonly [what: string, begins: readonly number[], advice: string])[] = [
  ['is packed with gzip', [0x1f, 0x8b], 'Unpack it: gunzip -c FILE | strata simulate --trace -'],
  ['is packed with zstd', [0x28, 0xb5, 0x2f, 0xfd], 'Unpack it: zstd -dc FILE | strata simulate --trace -'],
  ['is a zip archive', [0x50, 0x4b, 0x03, 0x04], 'Unpack it: unzip -p FILE | strata simulate --trace -'],
  ['is text in UTF-16', [0xff, 0xfe], 'Write it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE | strata simulate --trace -'],
  ['is text in UTF-16', [0xfe, 0xff], 'Write it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE | strata simulate --trace -'],
]

/**
 * @param name Of the file, for messages.
 * @throws StrataError `invalid`.
 */
export async function* plainText(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let isFirst = true
  for await (const chunk of source) {
    if (isFirst) refuseOthers(chunk, name)
    isFirst = false
    yield chunk
  }
}

function refuseOthers(start: Uint8Array, name: string): void {
  for (const [what, begins, advice] of OTHERS)
    if (begins.every((byte, i) => start[i] === byte)) throw new StrataError('invalid', `${name} ${what}.`, { advice })
  if (start.subarray(0, 1024).includes(0))
    throw new StrataError('invalid', `${name} is no text in UTF-8: it holds a NUL.`, { advice: 'Write it as UTF-8.' })
}
