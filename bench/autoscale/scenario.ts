/** The one scenario of this bench. What is fixed here is fixed for every policy. */
import { basename } from 'node:path'
import { capacity } from '../../src/orchestration/simulator/capacity.ts'
import { LLAMA_70B } from '../../src/orchestration/simulator/curves.ts'
import { generate, type Shape } from '../../src/orchestration/simulator/generator.ts'
import { dayOf } from '../../src/orchestration/simulator/profile.ts'
import type { Requests } from '../../src/orchestration/simulator/requests.ts'
import type { Scenario } from '../../src/orchestration/simulator/scenario.ts'
import { readTrace } from '../../src/orchestration/simulator/trace.ts'

export const CURVE = LLAMA_70B
/** The longest prompt there is takes an idle instance 2.9 s, one that writes other answers meanwhile 4 s. */
export const OBJECTIVE_MS = 5_000
export const MEAN_INSTANCES = 10
export const HOURS = 24
const SWING = 0.6

/** Either a file, or a shape of the generator. */
export type Source = { readonly file: string } | { readonly shape: Shape; readonly seed: number }

/** Of these files; without any, of each shape of the generator. */
export function sourcesOf(files: readonly string[] | undefined, seed: number): Source[] {
  if (files) return files.map((file) => ({ file }))
  return [
    { shape: 'conversation', seed },
    { shape: 'code', seed: seed + 1 },
    { shape: 'long', seed: seed + 2 },
  ]
}

export const nameOf = (source: Source): string =>
  'file' in source ? basename(source.file).replace(/\.\w+$/, '') : `${source.shape} (seed ${source.seed})`

export interface Trace {
  readonly name: string
  readonly requests: Requests
  /** Of all instances that a fleet of MEAN_INSTANCES has, requests a second. */
  readonly rate: number
}

/**
 * A day at the rate that ten instances bear exactly, if its requests came steadily and independently of each other: the trace's own storms and the hours
 * of the day come on top.
 */
export async function traceOf(source: Source): Promise<Trace> {
  const seed = 'seed' in source ? source.seed : 1
  const base = 'file' in source ? (await readTrace(source.file)).requests : generate({ ...source, hours: HOURS, rate: 2 })
  const rate = capacity({ curve: CURVE, trace: base, objectiveMs: OBJECTIVE_MS, instances: MEAN_INSTANCES })
  return { name: nameOf(source), requests: dayOf(base, { hours: HOURS, rate, seed, swing: SWING }), rate }
}

export function scenarioOf(requests: Requests, startupMs: number, initial = MEAN_INSTANCES): Scenario {
  return {
    ...{ requests, startupMs, initial, curve: CURVE, objectiveMs: OBJECTIVE_MS, bounds: { min: 1, max: 100 } },
    ...{ tickMs: 2_000, timeoutMs: 30_000, queue: 100, warmupMs: 600_000 },
  }
}
