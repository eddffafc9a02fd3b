/** An experiment on made-up callers, without a gateway: for tests and for `bench/experiments.ts`. */
import { randomFrom } from '../../kernel/random.ts'
import { type FinishedRecord, NO_ARM, type RequestRecord } from '../../monitoring/request-records.ts'
import { experiment } from '../../resources/experiment.ts'
import type { Resource, Spec } from '../../resources/index.ts'
import { route } from '../../resources/route.ts'
import type { CompiledArm } from '../../resources/snapshot.ts'
import { ExperimentAnalysis } from './analysis.ts'
import { effective } from './overlay.ts'
import { keyOf, planOf } from './plan.ts'
import { advance, type ExperimentStatus, stoppedArms } from './verdict.ts'

export interface Lab {
  /** What of the spec is not as {@link specWith} has it. */
  readonly spec?: object
  readonly seed: number
  /** Callers that come, one after the other. */
  readonly callers: number
  /** Milliseconds between them. */
  readonly everyMs?: number
  /** What becomes of one request. `taste` is the caller's own, uniform in [0, 1): the same before and after. */
  readonly outcome: (
    arm: string,
    taste: number,
    random: () => number,
  ) => { readonly failed?: boolean; readonly score?: number; readonly total?: number }
  /** Of the callers; instead of as the arms' weights say. */
  readonly crooked?: (arm: string, random: () => number) => boolean
  /** Stored and read back in between. */
  readonly killed?: boolean
}

const START = Date.parse('2026-01-01T00:00:00Z')

export function specWith(rest: object = {}): Spec<'Experiment'> {
  return experiment.spec.parse({
    route: 'r',
    assignBy: { header: 'x-user-id', else: 'consumer' },
    arms: [
      { name: 'control', version: 'v1', weight: 50 },
      { name: 'other', version: 'v2', weight: 50 },
    ],
    primary: { name: 'errorRate', minimumEffect: 2 },
    guardrails: [],
    analysis: { window: '1s', unitWindow: '1s', feedbackWindow: '1s' },
    ...rest,
  })
}

export interface LabResult {
  readonly status: ExperimentStatus
  readonly analysis: ExperimentAnalysis
  /** Callers that had come when it was decided. */
  readonly came: number
}

/** Runs until it is decided or no caller is left. */
export function runLab({ spec: rest, seed, callers, everyMs = 100, outcome, crooked, killed }: Lab): LabResult {
  const random = randomFrom(seed).uniform
  const spec = specWith(rest)
  const onRoute = { spec: route.spec.parse({ models: ['m'], targets: [{ version: 'v1', weight: 100 }] }) } as Resource<'Route'>
  let one = { kind: 'Experiment', metadata: { name: 'e', namespace: 'default', uid: `uid-${seed}` }, spec } as Resource<'Experiment'>
  const key = keyOf(one)
  let analysis = ExperimentAnalysis.begin(planOf(one, onRoute)!)
  let seq = 0
  const add = (record: object) => void analysis.add({ gateway: 'g', boot: 'b', seq: seq++, ...record } as unknown as RequestRecord)
  const step = (now: number) => {
    const running = one.status?.phase === 'Running'
    if (running) {
      analysis.divide()
      analysis.settle(now, stoppedArms(one.status))
    }
    const status = advance(spec, one.status, { now, arms: running ? analysis.findings() : [], prepared: analysis.before.size })
    one = { ...one, status }
  }
  step(START)
  let came = 0
  // Before they are divided each caller comes three times; then once.
  const tastes = Array.from({ length: callers }, () => random())
  let now = START
  for (let visit = 0; visit < 3 && one.status?.phase === 'Preparing'; visit++) {
    for (let i = 0; i < callers; i++) {
      now += 1
      if (now - START > 1 && i % 50 === 0) step(now)
      record(i, NO_ARM, 0, now)
    }
  }
  while (one.status?.phase === 'Preparing') {
    now += 60_000
    step(now)
  }
  for (let i = 0; i < callers && one.status?.phase !== 'Decided'; i++) {
    now += everyMs
    came += 1
    const { division } = effective(onRoute.spec, { rollouts: [], experiments: [one] })
    const arms = division?.split?.arms ?? []
    const arm = drawn(arms, random() * 100)
    if (arm && !(crooked && !crooked(arm.name, random))) record(i, arm.name, arm.weight, now)
    if (i % 10 === 0) step(now)
    if (killed && i % 97 === 0) analysis = ExperimentAnalysis.parse(analysis.serialize())
  }
  for (let i = 0; i < 30 && one.status?.phase !== 'Decided'; i++) {
    now += 1_000
    step(now)
  }
  return { status: one.status!, analysis, came }

  function record(i: number, arm: string, share: number, at: number): void {
    const { failed = false, score, total = 50 } = outcome(arm === NO_ARM ? 'control' : arm, tastes[i]!, random)
    const about = { namespace: 'default', consumer: 'c' }
    const id = `${arm}-${i}-${at}`
    const ended: FinishedRecord['outcome'] = failed ? 'upstream_error' : 'ok'
    add({
      ...{
        type: 'finished',
        id,
        time: new Date(at + total).toISOString(),
        ...about,
        assigned: 'v1',
        served: 'v1',
        outcome: ended,
        status: 200,
      },
      ...{
        attempts: [],
        times: { total, firstToken: total / 2 },
        assignments: [{ by: key, arm, share, unitKind: 'header', unit: `u${i}` }],
      },
    })
    if (score !== undefined)
      add({ type: 'feedback', id: `f-${id}`, time: new Date(at + total).toISOString(), ...about, request: id, score })
  }
}

function drawn(arms: readonly CompiledArm[], at: number): CompiledArm | undefined {
  let sum = 0
  for (const arm of arms) {
    sum += arm.weight
    if (at < sum) return arm
  }
  return arms.at(-1)
}
