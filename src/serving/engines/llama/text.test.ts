import type { Token } from 'node-llama-cpp'
import { describe, expect, it } from 'vitest'
import { Detokenizer } from './detokenizer.ts'
import { tokenBytes } from './token-bytes.ts'

/** A vocabulary of single bytes. */
const bytes = {
  detokenize: (tokens: readonly Token[], _special?: boolean, before: readonly Token[] = []) => {
    const all = Buffer.from([...before, ...tokens]).toString()
    const known = Buffer.from([...before]).toString()
    return all.startsWith(known) ? all.slice(known.length) : Buffer.from([...tokens]).toString()
  },
}

describe('Detokenizer', () => {
  it('holds a character back until it is whole', () => {
    const detokenizer = new Detokenizer(bytes, [])
    const pieces = [...Buffer.from('aé🦊漢z')].map((byte) => detokenizer.push(byte))
    expect(pieces.filter((piece) => piece !== '')).toEqual(['a', 'é', '🦊', '漢', 'z'])
    expect(detokenizer.flush()).toBe('')
  })

  it('does not wait for ever for bytes that are no character', () => {
    const detokenizer = new Detokenizer(bytes, [])
    const text = [0xff, 0xff, 0xff, 0xff, 0x61].map((byte) => detokenizer.push(byte)).join('')
    expect(text).toMatch(/^\ufffd+a$/)
  })

  it('drops the beginning of a character that never came', () => {
    const detokenizer = new Detokenizer(bytes, [])
    for (const byte of Buffer.from('🦊').subarray(0, 2)) expect(detokenizer.push(byte)).toBe('')
    expect(detokenizer.flush()).toBe('')
  })
})

describe('tokenBytes', () => {
  it.each([
    ['whole text', 'Ġhello', ' hello', 'bpe', [...Buffer.from(' hello')]],
    ['a lone byte, byte-level', 'ð', '\ufffd', 'bpe', [0xf0]],
    ['two bytes of four', 'ðŁ', '\ufffd', 'bpe', [0xf0, 0x9f]],
    ['a lone byte, SentencePiece', '<0xE2>', '\ufffd', 'spm', [0xe2]],
    ['a real replacement character', '\ufffd', '\ufffd', 'spm', [...Buffer.from('\ufffd')]],
  ] as const)('knows %s', (_, piece, text, vocabulary, expected) => {
    expect(tokenBytes(piece, text, vocabulary)).toEqual(expected)
  })
})
