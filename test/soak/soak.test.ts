/**
 * Mixed load for minutes (STRATA_SOAK_MINUTES), and then: does anything grow? Between two bouts of load the system is left alone for a moment,
 * each process is made to collect its garbage, and what it still holds is noted.
 *
 * A process leaks when the slope of its bytes is above 0 with a confidence of 99.9 % (trend.ts) and above LEAK. That bound is one small object
 * of some 50 bytes for each request: below it lies what V8 itself goes on to compile and to remember of code that runs for hours. Handles,
 * timers, listeners and the like must not grow at all.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { homeAt } from '../../src/kernel/home.ts'
import { type System, startSystem } from '../harness/system.ts'
import { type Census, type Inspected, inspect, type Sample } from './inspect.ts'
import { fillWithChanges, type Load, manifests, startLoad } from './load.ts'
import { trendOf } from './trend.ts'

const MINUTES = Number(process.env.STRATA_SOAK_MINUTES ?? 5)
/** Until what is bounded is full: the traffic of the last minute, the last records; and what is hot has been compiled. */
const WARM_UP_MS = Math.min(90_000, MINUTES * 20_000)
const BOUT_MS = 5_000
/** What is still on its way when the load pauses: records are folded every second, watchers hear of it. */
const SETTLE_MS = 1_300
const LEAST_SAMPLES = 12
const CENSUSES = 5
/** Bytes a minute, at a load of at least LEAST_REQUESTS a minute. */
const LEAK = 64 * 1024
const LEAST_REQUESTS = 1_000

interface Watched {
  readonly inspected: Inspected
  readonly samples: Sample[]
  readonly censuses: Census[]
}

let system: System
let load: Load | undefined
const watched = new Map<string, Watched>()

afterAll(async () => {
  for (const { inspected } of watched.values()) inspected.close()
  await load?.stop()
  await system?.stop()
})

const watch = async (name: string, pid: number, said: () => string) =>
  void watched.set(name, { inspected: await inspect(pid, said), samples: [], censuses: [] })

test(`nothing grows in ${MINUTES} minutes`, { timeout: MINUTES * 60_000 + 240_000 }, async () => {
  system = await startSystem({ bootstrap: manifests, gateways: 2, env: { NODE_OPTIONS: '--inspect-port=0' } })
  const { logs } = homeAt(system.home)
  await watch('supervisor', system.pid, () => system.logs())
  for (const { name, pid } of await system.processes()) await watch(name, pid!, () => readFileSync(join(logs, `${name}.log`), 'utf8'))
  const { secret } = await system.control<{ secret: string }>('POST', '/keys', { consumer: 'limited' })
  await fillWithChanges(system)
  const began = performance.now()
  load = startLoad(system, secret)

  await sleep(WARM_UP_MS)
  const minutes = () => (performance.now() - began) / 60_000
  const at: number[] = []
  const [from, whole] = [minutes(), MINUTES - minutes()]
  while (minutes() < MINUTES || at.length < LEAST_SAMPLES) {
    await load.pause()
    await sleep(SETTLE_MS)
    at.push(minutes())
    await Promise.all([...watched.values()].map(async ({ inspected, samples }) => samples.push(await inspected.sample())))
    const due = Math.min(CENSUSES, 1 + Math.floor(((minutes() - from) / whole) * CENSUSES))
    for (const { inspected, censuses } of watched.values()) if (censuses.length < due) censuses.push(await inspected.census())
    load.resume()
    await sleep(BOUT_MS)
  }
  await load.stop()

  const counted = Object.entries(load.counts).sort(([a], [b]) => a.localeCompare(b))
  console.log(counted.map(([what, count]) => `${String(count).padStart(7)}  ${what}`).join('\n'))
  const grown = [...watched].flatMap(([name, { samples, censuses }]) => [
    ...growth(
      name,
      'bytes after collection',
      at,
      samples.map(({ bytes }) => bytes),
      LEAK,
    ),
    ...growth(
      name,
      'handles and timers',
      at,
      samples.map(({ resources }) => Object.values(resources).reduce((a, b) => a + b, 0)),
      0,
    ),
    ...climb(
      name,
      'emitters',
      censuses.map(({ emitters }) => emitters),
    ),
    ...climb(
      name,
      'listeners',
      censuses.map(({ listeners }) => listeners),
    ),
    ...climb(
      name,
      'abort signals',
      censuses.map(({ abortSignals }) => abortSignals),
    ),
  ])
  expect(grown).toEqual([])
  expect(counted.filter(([what]) => /failed|broken/.test(what))).toEqual([])
  expect(counted.reduce((sum, [, count]) => sum + count, 0) / minutes()).toBeGreaterThan(LEAST_REQUESTS)
})

/** In words, when it grows faster than `bound` a minute. */
function growth(process_: string, what: string, at: readonly number[], values: readonly number[], bound: number): string[] {
  const { slope, least, most } = trendOf(at, values)
  const line = `${process_}, ${what}: ${values.join(' ')}; ${slope.toFixed(1)} a minute (${least.toFixed(1)} … ${most.toFixed(1)})`
  console.log(line)
  return least > 0 && slope > bound ? [line] : []
}

/** In words, when each of the few counts is above the one before and the last is well above the first: those of an idle system do not climb. */
function climb(process_: string, what: string, counts: readonly number[]): string[] {
  const line = `${process_}, ${what}: ${counts.join(' ')}`
  console.log(line)
  const climbs = counts.every((count, i) => i === 0 || count > counts[i - 1]!)
  return climbs && counts.at(-1)! > counts[0]! + CENSUSES ? [line] : []
}
