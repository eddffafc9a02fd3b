import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rankOf } from './rank.ts'
import { type Prompt, PromptPace, UnreadPrompts } from './unread-prompts.ts'

/** A pace of a millisecond for each of size, known from one stream. */
function known(): { pace: PromptPace; unread: UnreadPrompts } {
  const pace = new PromptPace()
  const unread = new UnreadPrompts(pace)
  unread.read(unread.add(100, true, 0), 100)
  return { pace, unread }
}

describe('a stream', () => {
  it('is unread until its first token', () => {
    const unread = new UnreadPrompts(new PromptPace())
    const first = unread.add(100, true, 0)
    const second = unread.add(100, true, 0)
    expect(unread.outstanding(50)).toBe(2)
    unread.read(first, 100)
    expect(unread.outstanding(1e9)).toBe(1)
    unread.read(second, 1e9)
    expect(unread.outstanding(1e9)).toBe(0)
  })

  it('whose first token comes out of turn says nothing of the streams before it', () => {
    const unread = new UnreadPrompts(new PromptPace())
    unread.add(100, true, 0)
    unread.read(unread.add(100, true, 0), 10)
    expect(unread.outstanding(10)).toBe(1)
  })

  it('counts for eight common ones at most, also where others have shown only later what is common', () => {
    const pace = new PromptPace()
    const unread = new UnreadPrompts(pace)
    unread.add(4_000_000, true, 0)
    for (let i = 0; i < 100; i++) pace.meet(800)
    expect(unread.outstanding(0)).toBe(8)
    unread.add(800, true, 0)
    expect(unread.outstanding(0)).toBeGreaterThan(8)
    expect(unread.outstanding(0)).toBeLessThanOrEqual(16)
  })

  it('teaches how long reading takes by its turn, and not by what it waited for those before it', () => {
    const pace = new PromptPace()
    const unread = new UnreadPrompts(pace)
    const [first, second] = [unread.add(100, true, 0), unread.add(300, true, 0)]
    unread.read(first, 200)
    unread.read(second, 800)
    expect(pace.msFor(100)).toBeCloseTo(200)
  })

  it('teaches all instances of its version', () => {
    const { pace } = known()
    expect(pace.msFor(40)).toBeCloseTo(40)
  })
})

describe('an answer in one piece', () => {
  it('counts for as long as streams take, and nothing before one has shown that', () => {
    const blind = new UnreadPrompts(new PromptPace())
    blind.add(100, false, 0)
    expect(blind.outstanding(0)).toBe(0)
    const { unread } = known()
    unread.add(100, false, 1_000)
    unread.add(100, false, 1_000)
    expect([1_000, 1_099, 1_101, 1_199, 1_201].map((at) => Math.round(unread.outstanding(at)))).toEqual([2, 2, 1, 1, 0])
  })

  it('begins to be read when the stream before it has been', () => {
    const { unread } = known()
    const stream = unread.add(100, true, 1_000)
    unread.add(100, false, 1_000)
    expect(unread.outstanding(1_099)).toBeCloseTo(2)
    unread.read(stream, 1_100)
    expect(unread.outstanding(1_150)).toBeCloseTo(1)
    expect(unread.outstanding(1_201)).toBe(0)
  })

  it('has been read when the stream behind it has been', () => {
    const { unread } = known()
    unread.add(400, false, 1_000)
    unread.read(unread.add(100, true, 1_000), 1_010)
    expect(unread.outstanding(1_010)).toBe(0)
  })
})

it('empty prompts weigh nothing', () => {
  const unread = new UnreadPrompts(new PromptPace())
  unread.add(0, true, 0)
  expect(unread.outstanding(0)).toBe(0)
})

it('one huge prompt counts for eight', () => {
  const pace = new PromptPace()
  const unread = new UnreadPrompts(pace)
  for (let i = 0; i < 200; i++) unread.read(unread.add(100, true, i), i)
  unread.add(1_000_000, true, 1_000)
  expect(unread.outstanding(1_000)).toBeGreaterThan(4)
  expect(unread.outstanding(1_000)).toBeLessThanOrEqual(8)
})

it('nothing is left of prompts once all have been read or given up, whatever the order, and what is left is never negative', () => {
  const step = fc.record({
    size: fc.integer({ min: 0, max: 100_000 }),
    streams: fc.boolean(),
    wait: fc.nat(1_000),
    which: fc.nat(20),
    end: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const unread = new UnreadPrompts(new PromptPace())
      const open: Prompt[] = []
      let now = 0
      const end = (which: number, read: boolean) => {
        for (const prompt of open.splice(which % open.length, 1)) unread[read ? 'read' : 'drop'](prompt, now)
      }
      for (const { size, streams, wait, which, end: how } of steps) {
        now += wait
        open.push(unread.add(size, streams, now))
        expect(unread.outstanding(now)).toBeGreaterThanOrEqual(0)
        if (how > 0 && open.length > 0) end(which, how > 1)
      }
      while (open.length > 0) end(0, open.length % 2 === 0)
      expect(unread.outstanding(now)).toBe(0)
    }),
  )
})

it('requests in flight are measured by what runs at once, and prompts come on top', () => {
  expect(rankOf({ inFlight: 8, sequences: 32, unread: 0 })).toBe(rankOf({ inFlight: 0, sequences: 32, unread: 1 }))
  expect(rankOf({ inFlight: 5, sequences: 4, unread: 0 })).toBeGreaterThan(1)
})
