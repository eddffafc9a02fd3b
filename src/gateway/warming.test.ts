import { describe, expect, it } from 'vitest'
import type { Deadlines } from '../kernel/deadlines.ts'
import type { Outlook } from './hold.ts'
import { holdRefusal, tellWhileHeld, warmingComment } from './warming.ts'

const VERSION = { model: 'assistant', version: 'v2', hold: { most: 100, forMs: 60_000 } }
const outlook = (over: Partial<Outlook> = {}): Outlook => ({ state: 'starting', leftMs: 19_200, measured: true, late: false, ...over })

it.each<[Partial<Outlook>, string]>([
  [{}, ': warming assistant@v2, about 20 s more'],
  [{ state: 'absent' }, ': warming assistant@v2, about 20 s more'],
  [{ measured: false }, ': warming assistant@v2'],
  [{ late: true, leftMs: 1_000 }, ': warming assistant@v2, longer than usual'],
  [{ state: 'busy' }, ': assistant@v2 is ready, waiting for a place'],
])('%j reads %s', (over, comment) => {
  expect(warmingComment(VERSION, outlook(over))).toBe(`${comment}\n\n`)
})

describe('refusals', () => {
  it.each<[Parameters<typeof holdRefusal>[2], Partial<Outlook>, number, string, number | undefined, RegExp]>([
    ['full', {}, 429, 'model_warming', 19_200, /is starting, and 100 wait for it already\. Try again in 20 s\.$/],
    ['over', {}, 429, 'model_warming', 19_200, /assistant@v2 is starting\. Try again in 20 s\.$/],
    ['over', { state: 'absent' }, 429, 'model_warming', 19_200, /has no instance yet; .*\. Try again in 20 s\.$/],
    ['full', { state: 'busy' }, 429, 'overloaded', 1_000, /as many requests as it takes, and 100 wait for it already\./],
    ['no_route', {}, 404, 'model_not_found', undefined, /The route "assistant" is not there/],
    ['no_version', {}, 503, 'no_version', 1_000, /assistant@v2 is not there/],
  ])('%s, %j', (end, over, status, code, retryAfterMs, words) => {
    const error = holdRefusal(VERSION, { name: 'assistant' }, end, outlook(over))
    expect(error).toMatchObject({ status, code })
    expect(error.retryAfterMs).toBe(retryAfterMs)
    expect(error.message).toMatch(words)
  })

  it('do not count who waits where nobody may', () => {
    const error = holdRefusal({ ...VERSION, hold: { most: 0, forMs: 60_000 } }, { name: 'assistant' }, 'full', outlook())
    expect(error.message).toBe('The version assistant@v2 is starting. Try again in 20 s.')
  })
})

describe('telling', () => {
  class Client {
    readonly id = 'req_1'
    readonly clientRequestId = undefined
    readonly extraHeaders = ''
    answered = false
    streams = false
    readonly said: string[] = []
    writeHead(status: number, headers: string) {
      this.answered = true
      this.said.push(`${status} ${headers}`)
    }
    write(chunk: Buffer | string) {
      this.said.push(String(chunk))
      return true
    }
  }
  const clockwork = () => {
    let running: { ms: number; over: () => void } | undefined
    const deadlines: Deadlines = {
      start(ms, over) {
        const one = { ms, over }
        running = one
        const clear = () => {
          if (running === one) running = undefined
        }
        return { extend: () => undefined, clear }
      },
      size: () => (running ? 1 : 0),
    }
    /** Lets the next one be over; says after how long it was to be. */
    const next = () => {
      const { ms, over } = running!
      running = undefined
      over()
      return ms
    }
    return { deadlines, next }
  }

  it('begins after a second, with the head, and goes on', () => {
    const client = new Client()
    const { deadlines, next } = clockwork()
    let left = 20
    const telling = tellWhileHeld(client, deadlines, 'x-strata-route: assistant\r\n', () => `: ${left--}\n\n`)
    expect(client.answered).toBe(false)
    expect(next()).toBe(1_000)
    expect(client.streams).toBe(true)
    expect(client.said[0]).toMatch(
      /^200 content-type: text\/event-stream; charset=utf-8\r\nx-request-id: req_1\r\nx-strata-route: assistant\r\n/,
    )
    expect(next()).toBe(5_000)
    expect(client.said.slice(1)).toEqual([': 20\n\n', ': 19\n\n'])
    telling.stop()
    expect(deadlines.size()).toBe(0)
  })

  it('says nothing to who need not wait', () => {
    const client = new Client()
    const { deadlines } = clockwork()
    tellWhileHeld(client, deadlines, '', () => ':\n\n').stop()
    expect(deadlines.size()).toBe(0)
    expect(client.said).toEqual([])
  })

  it('sends no second head to who waits again', () => {
    const client = new Client()
    client.answered = true
    const { deadlines, next } = clockwork()
    tellWhileHeld(client, deadlines, '', () => ':\n\n')
    expect(next()).toBe(5_000)
    expect(client.said).toEqual([':\n\n'])
  })
})
