/** One replay, in a worker. */
import { type Measured, measure } from '../../src/orchestration/simulator/capacity.ts'
import { simulate } from '../../src/orchestration/simulator/simulate.ts'
import type { Point } from './frontier.ts'
import { policyOf, type Setting } from './policies.ts'
import { CURVE, MEAN_INSTANCES, nameOf, OBJECTIVE_MS, type Source, scenarioOf, type Trace, traceOf } from './scenario.ts'

export interface Job {
  readonly source: Source
  readonly startupSeconds: number
  readonly setting: Setting
}

export interface Done extends Point {
  readonly requests: number
  /** Requests a second. */
  readonly rate: number
}

const traces = new Map<string, Promise<Trace & { readonly measured: Measured }>>()

export async function run({ source, startupSeconds, setting }: Job): Promise<Done> {
  const name = nameOf(source)
  const known = traces.get(name) ?? prepare(source)
  traces.set(name, known)
  const { requests, rate, measured } = await known
  const startupMs = startupSeconds * 1000
  const initial = setting.family === 'fixed' ? setting.knob : MEAN_INSTANCES
  const outcome = simulate(scenarioOf(requests, startupMs, initial), policyOf(setting, startupMs, measured, requests))
  return { knob: setting.knob, cost: outcome.meanInstances, missShare: outcome.missShare, requests: requests.length, rate }
}

async function prepare(source: Source) {
  const trace = await traceOf(source)
  const measured = measure({ curve: CURVE, trace: trace.requests, objectiveMs: OBJECTIVE_MS, instances: MEAN_INSTANCES })
  return { ...trace, measured }
}
