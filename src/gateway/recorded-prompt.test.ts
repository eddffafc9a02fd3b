import { describe, expect, it } from 'vitest'
import { recordedComment, recordedPrompt } from './recorded-prompt.ts'

describe('what is recorded of a prompt', () => {
  it('is what was asked, and nothing of the rest', () => {
    const asked = { messages: [{ role: 'user', content: 'Hi' }] }
    expect(recordedPrompt({ model: 'm', user: 'u-1', temperature: 1, ...asked }, 1_000)).toEqual({
      text: JSON.stringify(asked),
      truncated: false,
    })
  })

  it.each(Array.from({ length: 12 }, (_, more) => 12 + more))('ends between two characters when it is cut at %i bytes', (most) => {
    const cut = recordedPrompt({ prompt: 'größer 🌍 ist schöner' }, most)!
    expect(cut.truncated).toBe(true)
    expect(Buffer.byteLength(cut.text)).toBeLessThanOrEqual(most)
    expect('{"prompt":"größer 🌍 ist schöner"}'.startsWith(cut.text)).toBe(true)
  })

  it('is nothing where it is nested too deeply to be written', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown
    expect(recordedPrompt({ messages: deep }, 1_000)).toEqual({ text: '', truncated: true })
  })
})

describe('what is recorded of a comment', () => {
  it('is its length, and its text only where there is a bound for it', () => {
    expect(recordedComment('größer', undefined)).toEqual({ bytes: 8 })
    expect(recordedComment('größer', 8)).toEqual({ bytes: 8, text: 'größer' })
    expect(recordedComment('größer', 3)).toEqual({ bytes: 8, text: 'gr' })
    expect(recordedComment('\ud800', 9)).toEqual({ bytes: 3, text: '\ufffd' })
  })
})
