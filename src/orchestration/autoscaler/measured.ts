/**
 * What is measured of a version's instances: how long a start takes, and how fast they are. From the instances' reports and the same records as the
 * load; nothing is asked of anybody, and no load test is run. Plain data; when a curve is due it says so, and whoever runs it has it made.
 */
import type { FinishedRecord } from '../../monitoring/request-records.ts'
import type { Spec } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { Served } from '../simulator/calibrate.ts'
import type { Curve, CurveJob, CurveResult, SimulatedSpeed } from './curve.ts'
import type { ReportedInstance } from './seen.ts'

/** Streamed answers that a curve takes, and those that are kept for it. */
export const ENOUGH_SERVED = 500
const MOST_SERVED = 2_000
/** The others come again; until they have, there is the last curve. */
const MOST_STORED = 400
const EVERY_MS = 600_000
const STARTUPS = 8
/** Until one has been seen. */
export const ASSUMED_STARTUP_MS = 60_000

export interface MeasuredState {
  /** The last ones, milliseconds. */
  readonly startups: readonly number[]
  /** Those that have not been ready yet, and when they were first seen. */
  readonly starting: Readonly<Record<string, number>>
  readonly instances: readonly string[]
  readonly served: readonly (readonly [
    instance: number,
    arrival: number,
    firstTokenMs: number,
    endMs: number,
    tokensIn: number,
    tokensOut: number,
  ])[]
  readonly made?: Made
}

interface Made {
  /** For which objective, and of which engine if that is simulated. */
  readonly of: string
  readonly at: number
  readonly curve?: Curve
  /** Why there is none. */
  readonly missing?: string
}

export class Measured {
  #startups: readonly number[]
  readonly #starting: Map<string, number>
  /** Those that are, or were, ready when they were last looked at. */
  readonly #known = new Set<string>()
  #served: Served[]
  #made: Made | undefined
  #places: number | undefined
  #kvTokens: number | undefined
  #making: Pick<Made, 'of' | 'at'> | undefined

  constructor(state: MeasuredState = { startups: [], starting: {}, instances: [], served: [] }) {
    this.#startups = state.startups
    this.#starting = new Map(Object.entries(state.starting))
    this.#served = state.served.map(([instance, arrival, firstTokenMs, endMs, tokensIn, tokensOut]) => ({
      ...{ instance: state.instances[instance]!, arrival, firstToken: arrival + firstTokenMs, end: arrival + endMs, tokensIn, tokensOut },
    }))
    this.#made = state.made
  }

  /** Milliseconds from the creation of an instance until it serves, the median of late; undefined where none has been seen to start. */
  get startupMs(): number | undefined {
    if (this.#startups.length === 0) return undefined
    return this.#startups.toSorted((a, b) => a - b)[this.#startups.length >> 1]
  }

  /** For the objective of this spec. */
  curve(spec: Spec<'ModelVersion'>): Curve | undefined {
    return this.#made?.of === subjectOf(spec) ? this.#made.curve : undefined
  }

  /** Why there is no curve. */
  missing(spec: Spec<'ModelVersion'>): string {
    if (this.#making) return 'it is being made'
    if (this.#made?.of === subjectOf(spec) && this.#made.missing !== undefined) return this.#made.missing
    return `${Math.min(this.#served.length, ENOUGH_SERVED)} of ${ENOUGH_SERVED} requests, streamed ones`
  }

  /** An answer whose first token and tokens are known. */
  add(record: FinishedRecord, time: number): void {
    const { outcome, instance, tokens, times } = record
    if (outcome !== 'ok' || !instance || !tokens || times.firstToken === undefined) return
    const start = time - times.total
    this.#served.push({
      ...{
        instance,
        arrival: Math.round(start + (times.queue ?? 0)),
        firstToken: Math.round(start + times.firstToken),
        end: Math.round(time),
      },
      ...{ tokensIn: tokens.in - (tokens.cached ?? 0), tokensOut: tokens.out },
    })
    if (this.#served.length > MOST_SERVED * 1.25) this.#served = this.#served.slice(-MOST_SERVED)
  }

  /** True where a start has been measured. */
  see(reports: readonly ReportedInstance[], now: number): boolean {
    let measured = false
    const present = new Set<string>()
    for (const { instance, state, message, changes, load } of reports) {
      const { id } = instance
      present.add(id)
      this.#places = instance.sequences
      this.#kvTokens = load?.kvTotalTokens || this.#kvTokens
      const seen = this.#starting.get(id)
      if (state === 'pending' && message !== undefined)
        this.#starting.set(id, now) // it waits for room, which is no part of a start
      else if (state === 'ready') {
        const began = seen ?? (this.#known.has(id) ? undefined : startOf(changes))
        this.#starting.delete(id)
        this.#known.add(id)
        const readyAt = changes.findLast((change) => change.state === 'ready')?.at ?? now
        if (began === undefined || readyAt < began) continue
        this.#startups = [...this.#startups, Math.round(readyAt - began)].slice(-STARTUPS)
        measured = true
      } else if (state === 'draining' || state === 'stopped') this.#starting.delete(id)
      // One that has been ready and is not is no new one.
      else if (seen === undefined && isWhole(changes) && !changes.some((change) => change.state === 'ready'))
        this.#starting.set(id, changes[0]!.at)
    }
    for (const id of this.#starting.keys()) if (!present.has(id)) this.#starting.delete(id)
    for (const id of this.#known) if (!present.has(id)) this.#known.delete(id)
    return measured
  }

  /** The curve that is to be made now, if one is. One at a time: until `take` there is no other. */
  due(spec: Spec<'ModelVersion'>, name: string, now: number): CurveJob | undefined {
    const { objective } = spec.scaling.policy ?? {}
    if (this.#making || !objective) return undefined
    const simulated = simulatedSpeed(spec)
    const of = subjectOf(spec)
    const enough = this.#served.length >= ENOUGH_SERVED
    const isOther = this.#made?.of !== of
    const isOld = this.#made === undefined || now - this.#made.at >= EVERY_MS || now < this.#made.at
    if (!(isOther && simulated) && !((isOther || isOld) && enough)) return undefined
    this.#making = { of, at: now }
    return {
      ...{ name, served: this.#served.slice(-MOST_SERVED), objectiveMs: durationMs(objective.firstToken) },
      ...(simulated ? { simulated } : {}),
      // How many an image serves at the same time is a bound of the gateway's, and not what it was built for.
      ...(spec.source.engine && this.#places !== undefined ? { places: this.#places } : {}),
      ...(this.#kvTokens === undefined ? {} : { kvTokens: this.#kvTokens }),
    }
  }

  /** What came of `due`. Where nothing did, a curve that was there for the same stays. */
  take(result: CurveResult): void {
    const making = this.#making!
    this.#making = undefined
    const before = this.#made?.of === making.of ? this.#made.curve : undefined
    const curve = 'missing' in result ? before : result
    this.#made = { ...making, ...(curve ? { curve } : {}), ...('missing' in result ? { missing: result.missing } : {}) }
  }

  state(): MeasuredState {
    const served = this.#served.slice(-MOST_STORED)
    const instances = [...new Set(served.map(({ instance }) => instance))]
    return {
      ...{ startups: this.#startups, starting: Object.fromEntries(this.#starting), instances },
      served: served.map(({ instance, arrival, firstToken, end, tokensIn, tokensOut }) => [
        ...([instances.indexOf(instance), arrival, firstToken - arrival, end - arrival, tokensIn, tokensOut] as const),
      ]),
      ...(this.#made ? { made: this.#made } : {}),
    }
  }
}

/**
 * Of one that began and served between two looks: when it did not wait for room any more. Nothing of one that comes back, or of which control has not seen
 * the beginning. What it waited for is not told any more when it is over, so that `pending` counts for nothing.
 */
function startOf(changes: ReportedInstance['changes']): number | undefined {
  if (!isWhole(changes) || changes.filter(({ state }) => state === 'ready').length !== 1) return undefined
  const first = changes[changes.findLastIndex(({ state }) => state === 'pending') + 1]!
  return first.state === 'ready' ? undefined : first.at
}

/** From its creation on. */
const isWhole = (changes: ReportedInstance['changes']) => changes[0]?.state === 'pending'

const subjectOf = (spec: Spec<'ModelVersion'>) => JSON.stringify([spec.scaling.policy?.objective?.firstToken, simulatedSpeed(spec)])

function simulatedSpeed({ source }: Spec<'ModelVersion'>): SimulatedSpeed | undefined {
  if (source.engine?.kind !== 'simulated') return undefined
  const { timeToFirstToken, tokensPerSecond, sequences, contextSize, answerTokens } = source.engine.parameters
  return { firstTokenMs: durationMs(timeToFirstToken), tokensPerSecond, sequences, contextSize, answerTokens }
}
