/**
 * The bytes of a single token. Its text is not enough: a token may be one byte out of the middle of a character. Vocabularies write such
 * tokens in two ways: byte-level BPE (GPT-2's table of printable stand-ins for the 256 bytes) and SentencePiece ("<0xE2>", "▁" for a space).
 */

/** GPT-2's `bytes_to_unicode`, turned round. github.com/openai/gpt-2/blob/master/src/encoder.py */
const BYTE_OF_STAND_IN = new Map<string, number>()
{
  let next = 256
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
    BYTE_OF_STAND_IN.set(String.fromCharCode(printable ? byte : next++), byte)
  }
}

/** `piece` is the vocabulary's own spelling of the token, `text` what it reads as alone. */
export function tokenBytes(piece: string | undefined, text: string, vocabulary: 'bpe' | 'spm' | 'other'): number[] {
  if (!text.includes('\ufffd') || piece === undefined) return [...Buffer.from(text)]
  if (vocabulary === 'spm') {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)
    return byte ? [Number.parseInt(byte[1]!, 16)] : [...Buffer.from(piece.replaceAll('▁', ' '))]
  }
  if (vocabulary === 'bpe') {
    const bytes = [...piece].map((character) => BYTE_OF_STAND_IN.get(character))
    if (!bytes.includes(undefined)) return bytes as number[]
  }
  return [...Buffer.from(text)]
}
