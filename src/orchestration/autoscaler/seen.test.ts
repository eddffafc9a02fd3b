import { expect, it } from 'vitest'
import { type ReportedInstance, seenOf } from './seen.ts'

const NOW = 1_700_000_000_000
/** "ready", "starting", "pending: no room" since so many seconds. */
const reports = (...words: readonly (readonly [text: string, seconds?: number, load?: ReportedInstance['load']])[]): ReportedInstance[] =>
  words.map(([text, seconds = 0, load], i) => {
    const [state = '', message] = text.split(': ')
    return {
      ...{ instance: { id: `v-${i}`, uid: 'u', sequences: 4 }, state, since: NOW - seconds * 1_000, changes: [] },
      ...(message === undefined ? {} : { message }),
      ...(load ? { load } : {}),
    }
  })

it.each<[string, ReportedInstance[], number, object]>([
  ['nothing there, nothing wanted', [], 0, { ready: 0, starting: 0, draining: 0 }],
  ['wanted a moment ago: on its way', reports(['ready']), 3, { ready: 1, starting: 2 }],
  ['one too many, which leaves in a moment', reports(['ready'], ['ready']), 1, { ready: 1, starting: 0 }],
  ['replaced, one beside the other', reports(['ready'], ['starting']), 1, { ready: 1, starting: 0 }],
  ['draining ones are none', reports(['ready'], ['draining'], ['draining']), 1, { ready: 1, starting: 0, draining: 2 }],
  ['it waits for room, and may get it', reports(['ready'], ['pending: no room', 59]), 2, { ready: 1, starting: 1 }],
  ['it waits for room, and has for long', reports(['ready'], ['pending: no room', 61]), 2, { ready: 1, starting: 0 }],
  ['it is given to its runtime', reports(['ready'], ['pending', 61]), 2, { ready: 1, starting: 1 }],
  ['one that fails is one that starts', reports(['failed: exit code 1', 600]), 1, { ready: 0, starting: 1 }],
])('%s', (_name, given, wanted, expected) => {
  expect(seenOf(given, wanted, NOW)).toMatchObject(expected)
})

it('adds up who waits, and takes the mean of the caches that tell', () => {
  const given = reports(
    ['ready', 0, { waiting: 3, cacheUsed: 0.5 }],
    ['ready', 0, { waiting: 1 }],
    ['ready', 0, { waiting: 0, cacheUsed: 0.7 }],
  )
  expect(seenOf(given, 3, NOW)).toMatchObject({ waiting: 4, kvUse: expect.closeTo(0.6) })
  expect(seenOf([], 0, NOW)).toMatchObject({ waiting: 0, kvUse: 0 })
})
