import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BackendStream, EngineStream, type StreamReader } from './sse.ts'

const event = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
const usage = ': strata-usage {"prompt_tokens":12,"completion_tokens":3,"cached_tokens":4}\n\n'

/** Reads `text` cut at the given places, as sockets cut it. */
function read(reader: StreamReader, text: string, cuts: number[]): string {
  const bytes = Buffer.from(text)
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const out: Buffer[] = []
  let from = 0
  for (const place of [...places, bytes.length]) {
    out.push(Buffer.from(reader.push(bytes.toString('latin1', from, place)), 'latin1'))
    from = place
  }
  out.push(Buffer.from(reader.flush(), 'latin1'))
  return Buffer.concat(out).toString()
}

const cuts = fc.array(fc.nat(2_000), { maxLength: 40 })

describe('an engine’s stream', () => {
  it('passes everything but the usage comment, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 6 }), cuts, (words, at) => {
        const answer = words.map(event).join('')
        const reader = new EngineStream()
        expect(read(reader, `${answer}${usage}data: [DONE]\n\n`, at)).toBe(`${answer}data: [DONE]\n\n`)
        expect(reader.usage).toEqual({ in: 12, cached: 4, out: 3 })
        expect(reader.done).toBe(true)
      }),
    )
  })

  it('is not fooled by an answer that talks about usage comments', () => {
    const reader = new EngineStream()
    const text = event('write ": strata-usage {}" or \n: strata-usage x')
    expect(read(reader, `${text}data: [DONE]\n\n`, [])).toBe(`${text}data: [DONE]\n\n`)
    expect(reader.usage).toBeUndefined()
  })

  it('tells a stream that was cut from a whole one, and one that failed', () => {
    const cut = new EngineStream()
    read(cut, event('half'), [])
    expect(cut.done).toBe(false)
    const failed = new EngineStream()
    read(failed, `${event('half')}data: {"error":{"message":"x"}}\n\n`, [3, 9])
    expect([failed.done, failed.failed]).toEqual([false, true])
  })
})

describe('a backend’s stream', () => {
  const usageEvent =
    'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}\n\n'

  it('drops the usage event that only the gateway asked for, wherever it is cut', () => {
    fc.assert(
      fc.property(cuts, fc.constantFrom('\n', '\r\n'), (at, newline) => {
        const lines = (text: string) => text.replaceAll('\n', newline)
        const reader = new BackendStream(false)
        const answer = lines(event('a') + event('b'))
        expect(read(reader, answer + lines(`${usageEvent}data: [DONE]\n\n`), at)).toBe(answer + lines('data: [DONE]\n\n'))
        expect(reader.usage).toEqual({ in: 5, cached: 1, out: 2 })
        expect(reader.done).toBe(true)
      }),
    )
  })

  it('keeps it for a client that asked', () => {
    const text = `${event('a')}${usageEvent}data: [DONE]\n\n`
    expect(read(new BackendStream(true), text, [7, 50])).toBe(text)
  })

  it('counts events where the server tells no usage', () => {
    const reader = new BackendStream(false)
    read(reader, `${event('a')}${event('b')}data: [DONE]\n\n`, [])
    expect(reader.usage).toEqual({ in: 0, cached: 0, out: 2 })
  })
})
