/**
 * One version with a policy: its load, what is measured of it, what its policy remembers, and how many instances it wants. It decides and keeps; it
 * starts nothing, asks nobody and reads no clock. All of it is stored as one text, together with the marks up to which the records are read.
 */
import { Sketch } from '../../kernel/sketch.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { Resource } from '../../resources/index.ts'
import type { ScalingDecision, ScalingPoint } from '../../store/index.ts'
import type { BoundedDecision, BoundedState } from '../autoscaling/bounds.ts'
import type { External, Inputs, Sample } from '../autoscaling/policy.ts'
import { Load, type LoadState, type Reading } from './load.ts'
import { ASSUMED_STARTUP_MS, Measured, type MeasuredState } from './measured.ts'
import { objectiveMsOf, type Scaler, scalerOf } from './policies.ts'
import { type ReportedInstance, type Seen, seenOf } from './seen.ts'

export type Version = Resource<'ModelVersion'>

interface Minute {
  readonly at: number
  readonly ms: number
  /** Times milliseconds. */
  readonly concurrency: number
  readonly arrivals: number
  readonly misses: number
  readonly queued: number
}

interface Stored {
  readonly wanted: number
  readonly since: number
  readonly reason: string
  readonly inputs: Inputs
  readonly key: string
  readonly policy: unknown
  readonly decidedAt: number
  readonly load: LoadState
  readonly measured: MeasuredState
  readonly external?: External
  readonly minute?: Minute
  readonly firstTokens: string
}

/** What came of one look. */
export interface Decided {
  readonly decision?: ScalingDecision
  /** Of the minute that is over. */
  readonly point?: ScalingPoint
}

/** Between two samples: somebody who waits for the first instance is seen sooner. */
const SAMPLE_MS = 1_000
const MINUTE_MS = 60_000

export class ScaledVersion {
  readonly uid: string
  load: Load
  readonly measured: Measured
  wanted: number
  /** Since when so many are wanted, milliseconds since the epoch. */
  since: number
  reason: string
  inputs: Inputs
  seen: Seen
  sample: Sample | undefined
  /** Of the policy; empty before its first decision. */
  policyName = ''
  external: External | undefined
  #key: string
  #policy: unknown
  #decidedAt: number
  #minute: Minute | undefined
  #firstTokens: Sketch

  private constructor(uid: string, stored: Stored, now: number) {
    this.uid = uid
    this.load = Load.restore(stored.load, now)
    this.measured = new Measured(stored.measured)
    this.wanted = stored.wanted
    this.since = stored.since
    this.reason = stored.reason
    this.inputs = stored.inputs
    this.seen = { ready: 0, starting: 0, draining: 0, waiting: 0, kvUse: 0 }
    this.external = stored.external
    this.#key = stored.decidedAt > now ? '' : stored.key // a policy does not know what is yet to come
    this.#policy = stored.policy
    this.#decidedAt = stored.decidedAt
    this.#minute = stored.minute
    this.#firstTokens = Sketch.parse(stored.firstTokens)
  }

  static begin(version: Version, now: number): ScaledVersion {
    return new ScaledVersion(
      version.metadata.uid!,
      {
        ...{
          wanted: firstWanted(version),
          since: now,
          reason: 'It has just been given its policy.',
          inputs: {},
          key: '',
          policy: undefined,
        },
        ...{ decidedAt: now, load: Load.begin(now).state(), measured: new Measured().state(), firstTokens: new Sketch().serialize() },
      },
      now,
    )
  }

  /** @throws where the text is none of ours. */
  static restore(version: Version, text: string, last: ScalingDecision | undefined, now: number): ScaledVersion {
    const one = new ScaledVersion(version.metadata.uid!, JSON.parse(text) as Stored, now)
    if (last && last.at !== one.since) one.goOnFrom(last)
    return one
  }

  /** A decision is stored at once, and the state with the next records: the decision is what holds. */
  goOnFrom({ wanted, at, reason, inputs }: ScalingDecision): void {
    Object.assign(this, { wanted, since: at, reason, inputs })
  }

  add(record: RequestRecord, reading: Reading, { spec }: Version): boolean {
    const changed = this.load.add(record, reading, objectiveMsOf(spec))
    if (changed && record.type === 'finished') this.measured.add(record, Date.parse(record.time) + reading.ahead)
    return changed
  }

  /** Within the bounds of now, whatever was decided. */
  wantedOf({ spec }: Version, wanted = this.wanted): number {
    const { min, max = min } = spec.scaling
    return Math.min(max, Math.max(min, wanted))
  }

  scaler({ spec }: Version): Scaler | undefined {
    const startupMs = this.measured.startupMs ?? ASSUMED_STARTUP_MS
    const curve = this.measured.curve(spec)
    return scalerOf(spec, { startupMs, missing: this.measured.missing(spec), ...(curve ? { curve } : {}) })
  }

  /** What an earlier control knew of the query that is still asked. */
  knownExternal(version: Version): External | undefined {
    return this.scaler(version)?.key === this.#key ? this.external : undefined
  }

  /**
   * @param now Milliseconds, of a clock that only goes forward.
   * @param mayShrink False while records of an earlier time are still to come.
   */
  look(version: Version, reports: readonly ReportedInstance[], now: number, mayShrink: boolean): Decided {
    const scaler = this.scaler(version)
    if (!scaler) return {}
    const before = this.wantedOf(version)
    this.policyName = scaler.name
    this.seen = seenOf(reports, before, now)
    this.measured.see(reports, now)
    if (this.#key !== scaler.key) {
      this.#key = scaler.key
      this.#policy = scaler.policy.start
    }
    const waits = before === 0 ? this.load.waits(now, this.seen.ready) : undefined
    if (waits && waits.waiting > 0) return this.#startFirst(scaler, waits.waiting, now)
    if (this.sample && now - this.sample.at < SAMPLE_MS) return this.#change(version, scaler, undefined, now)
    const sample = this.load.sample(now, this.seen)
    if (!sample) return this.#change(version, scaler, undefined, now)
    this.sample = this.external ? { ...sample, external: this.external } : sample
    const decision = scaler.policy.decide(this.#policy as BoundedState, this.sample, now)
    this.#policy = decision.state
    this.#decidedAt = now
    const point = this.#count(this.sample, now)
    const isHeld = decision.isOld || (decision.wanted < before && !mayShrink)
    return { ...this.#change(version, scaler, isHeld ? undefined : decision, now), ...(point ? { point } : {}) }
  }

  /** Nobody asks the policy: it may look once in half a minute, and one waits. */
  #startFirst(scaler: Scaler, waiting: number, now: number): Decided {
    const state = this.#policy as BoundedState
    this.#policy = { ...state, changedAt: now }
    const reason =
      waiting === 1
        ? 'One request waits and no instance runs, so one starts.'
        : `${waiting} requests wait and no instance runs, so one starts.`
    return { decision: this.#decide(scaler, 1, 1, reason, { queued: waiting }, now) }
  }

  #change(version: Version, scaler: Scaler, decision: BoundedDecision | undefined, now: number): Decided {
    const wanted = decision?.wanted ?? this.wantedOf(version)
    if (wanted !== this.wanted) {
      const { reason, inputs, asked } = decision ?? {
        reason: `Between ${version.spec.scaling.min} and ${version.spec.scaling.max} are allowed.`,
        inputs: {},
        asked: this.wanted,
      }
      return { decision: this.#decide(scaler, wanted, asked, reason, inputs, now) }
    }
    if (decision) {
      this.reason = decision.reason
      this.inputs = decision.inputs
    }
    return {}
  }

  #decide(scaler: Scaler, wanted: number, asked: number, reason: string, inputs: Inputs, now: number): ScalingDecision {
    const from = this.wanted
    Object.assign(this, { wanted, since: now, reason, inputs })
    const { ready, starting } = this.seen
    return { uid: this.uid, at: now, from, wanted, asked, policy: scaler.name, reason, inputs, ready, starting }
  }

  /** Adds a sample to its minute; what is returned is the minute before. */
  #count(sample: Sample, now: number): ScalingPoint | undefined {
    const at = Math.floor(now / MINUTE_MS) * MINUTE_MS
    const point = this.#minute && this.#minute.at !== at ? this.#pointOf(this.#minute) : undefined
    if (point) this.#firstTokens = new Sketch()
    const { ms, concurrency, arrivals, misses, queued } =
      this.#minute?.at === at ? this.#minute : { ms: 0, concurrency: 0, arrivals: 0, misses: 0, queued: 0 }
    const { periodMs } = sample
    this.#minute = {
      ...{
        at,
        ms: ms + periodMs,
        concurrency: concurrency + sample.concurrency * periodMs,
        arrivals: arrivals + sample.arrivals * periodMs,
      },
      ...{ misses: misses + sample.misses * periodMs, queued: Math.max(queued, sample.queued) },
    }
    this.#firstTokens = this.#firstTokens.merge(this.load.takeFirstTokens())
    return point
  }

  #pointOf({ at, ms, concurrency, arrivals, misses, queued }: Minute): ScalingPoint {
    const p95 = this.#firstTokens.quantile(0.95)
    return {
      ...{ uid: this.uid, at, concurrency: concurrency / ms, arrivals: arrivals / ms, misses: misses / ms, queued },
      ...{ wanted: this.wanted, ready: this.seen.ready, starting: this.seen.starting },
      ...(p95 === undefined ? {} : { firstTokenP95Ms: p95 }),
    }
  }

  serialize(): string {
    const { wanted, since, reason, inputs, external } = this
    const stored: Stored = {
      ...{ wanted, since, reason, inputs, key: this.#key, policy: this.#policy, decidedAt: this.#decidedAt },
      ...{ load: this.load.state(), measured: this.measured.state(), firstTokens: this.#firstTokens.serialize() },
      ...(external ? { external } : {}),
      ...(this.#minute ? { minute: this.#minute } : {}),
    }
    return JSON.stringify(stored, rounded)
  }
}

/** Six digits say it all, and a third of the text. */
const rounded = (_key: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

/** Where a policy begins: with what the version had. */
export function firstWanted({ spec, status }: Version): number {
  const { min, max = min } = spec.scaling
  return Math.min(max, Math.max(min, status?.scaling?.wanted ?? status?.instances?.wanted ?? min))
}
