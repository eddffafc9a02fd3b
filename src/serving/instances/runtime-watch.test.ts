import { expect, test } from 'vitest'
import { systemClock } from '../../kernel/clock.ts'
import { createLog } from '../../kernel/log.ts'
import type { RunningInstance, Runtime, WantedInstance } from '../runtimes/port.ts'
import { watchRuntime } from './runtime-watch.ts'

const running: RunningInstance = { id: 'a', config: '', state: 'running', since: 0, restarts: 0 }
const wanted: WantedInstance = { id: 'a', config: '', drainTimeoutMs: 0 }

function watched(over: Partial<Runtime>) {
  const said: string[] = []
  const runtime: Runtime = {
    observe: async () => [running],
    want: async () => undefined,
    restart: async () => undefined,
    logs: async () => [],
    onChange: () => () => undefined,
    close: async () => undefined,
    ...over,
  }
  return { said, watch: watchRuntime('docker', runtime, { clock: systemClock, log: createLog('test', (line) => said.push(line)) }) }
}

test('a runtime that hangs is away, in words, is asked once, and is back when it answers', async () => {
  const answers: ((seen: RunningInstance[]) => void)[] = []
  const { watch, said } = watched({ observe: () => new Promise((resolve) => answers.push(resolve)) })
  expect(await watch.look()).toBeUndefined()
  expect(watch.away).toBe('it has not answered within 2 s')
  const again = watch.look()
  answers[0]!([running])
  expect([...(await again)!.keys()]).toEqual(['a'])
  expect(watch.away).toBeUndefined()
  expect(answers).toHaveLength(1)
  expect(said).toHaveLength(2)
})

test('the same set is said once; again where something differs, and after it was not taken', async () => {
  let fails = false
  const sets: number[] = []
  const { watch } = watched({
    async want(set) {
      sets.push(set.length)
      if (fails) throw new Error('no room')
    },
  })
  expect(watch.told).toBe(false)
  await watch.want([wanted], false)
  await watch.want([wanted], false)
  expect([watch.told, sets]).toEqual([true, [1]])
  await watch.want([wanted], true)
  fails = true
  await watch.want([], false)
  expect([watch.told, watch.away, watch.refused, sets]).toEqual([false, undefined, 'no room', [1, 1, 0]])
  fails = false
  await watch.want([wanted], false)
  expect([sets, watch.refused]).toEqual([[1, 1, 0, 1], undefined])
})

test('while it is being told, nothing else is said', async () => {
  const taken: (() => void)[] = []
  const { watch } = watched({ want: () => new Promise((resolve) => taken.push(resolve)) })
  await watch.want([wanted], false)
  expect(watch.away).toBe('it has not answered within 2 s')
  await watch.look()
  await watch.want([], false)
  expect(taken).toHaveLength(1)
  taken[0]!()
  await watch.look()
  const last = watch.want([], false)
  taken[1]!()
  await last
  expect(taken).toHaveLength(2)
})
