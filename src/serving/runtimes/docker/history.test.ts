import { describe, expect, test } from 'vitest'
import { lastEndOf, notePast, type Past, restartsOf } from './history.ts'
import type { InspectedContainer } from './shapes.ts'

const inspected = (over: Partial<InspectedContainer['State']> = {}, RestartCount = 0, Memory = 64 * 2 ** 20): InspectedContainer => ({
  Id: 'x',
  Created: '',
  RestartCount,
  State: { Status: 'running', ExitCode: 0, OOMKilled: false, Error: '', StartedAt: '', FinishedAt: '', ...over },
  HostConfig: { Memory },
})
/** "start die:1 oom": one second between them; "+" before a word: at the same moment as the last. */
const past = (text: string): Past | undefined => {
  let at = 0
  return text.split(' ').reduce<Past | undefined>((seen, word) => {
    if (!word.startsWith('+')) at += 1e9
    const [Action = '', exitCode] = word.replace('+', '').split(':')
    return notePast(seen, { Action, Actor: { ID: 'x', Attributes: exitCode ? { exitCode } : {} }, timeNano: at })
  }, undefined)
}

describe('how it last ended', () => {
  test.each([
    ['it never did', 'create start', inspected(), undefined],
    ['by itself', 'start die:1 start', inspected(), 'exit code 1'],
    ['by itself, well', 'start die:0 start', inspected(), 'exit code 0'],
    ['by a signal', 'start die:143 start', inspected(), 'exit code 143 (SIGTERM)'],
    ['killed, memory was not the reason', 'start die:137 start', inspected(), 'exit code 137 (SIGKILL)'],
    ['out of memory', 'start oom die:137 start', inspected(), 'killed: out of memory (limit 64 MiB)'],
    ['out of memory, told late', 'start die:137 +start oom', inspected(), 'killed: out of memory (limit 64 MiB)'],
    ['out of memory of the machine', 'start oom die:137 start', inspected({}, 0, 0), 'killed: out of memory'],
    ['a child of it was killed, it ended by itself later', 'start oom die:1 start', inspected(), 'exit code 1'],
    ['the end before counts no more', 'start oom die:137 start die:2 start', inspected(), 'exit code 2'],
    ['known from Docker alone', 'create', inspected({ Status: 'restarting', ExitCode: 3 }), 'exit code 3'],
    [
      'known from Docker alone, out of memory',
      'create',
      inspected({ Status: 'exited', ExitCode: 137, OOMKilled: true }),
      'killed: out of memory (limit 64 MiB)',
    ],
    ['nobody knows any more', 'create', inspected({}, 4), undefined],
  ])('%s', (_, events, container, expected) => {
    expect(lastEndOf(past(events), container)).toBe(expected)
  })
})

test.each([
  ['the first start', 'create start', 0, 0],
  ['twice again', 'create start die:1 start die:1 start', 2, 2],
  ['Docker counts anew after a start that was not its own', 'create start die:1 start die:1 start', 0, 2],
  ['the events were not seen', 'kill', 3, 3],
])('restarts: %s', (_, events, count, expected) => {
  expect(restartsOf(past(events), inspected({}, count))).toBe(expected)
})
