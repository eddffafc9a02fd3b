/**
 * Autoscaling, live: as many instances of each version as its policy wants. `../autoscaling` decides, scaled-version.ts keeps what it decides from; this
 * file is the shell that hears the records, keeps the time and stores what was decided.
 *
 * It starts and ends nothing: the loop of the instances asks how many are wanted. What it knows lives in two places that survive control: each decision,
 * stored before it is acted on, and the state of load and policy, stored with the marks up to which the records are read. Within `min` and `max` it is
 * always, whatever either of them says.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { createRounds } from '../../kernel/rounds.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import { type Resource, resourceLabel } from '../../resources/index.ts'
import type { ResourceStore, ScalingDecision, ScalingPoint, ScalingStore } from '../../store/index.ts'
import { createCurveThread } from './curve-thread.ts'
import type { GatewayBoot } from './load.ts'
import { createQueries } from './queries.ts'
import { type ScalingReport, scalingReport } from './report.ts'
import { firstWanted, ScaledVersion, type Version } from './scaled-version.ts'
import type { ReportedInstance } from './seen.ts'

export type { ScalingReport } from './report.ts'

export interface Autoscaler {
  start(): void
  /** What is due now; by itself it does so every two seconds, and when somebody asks for a version that has no instance. */
  round(): Promise<void>
  /** Hears the records; what it makes of them is stored with the marks up to which they are read. */
  readonly fold: Fold
  /** Instances that the version should have. */
  wanted(version: Version): number
  /** For the status of a version with a policy; undefined of others. */
  status(version: Version): NonNullable<NonNullable<Version['status']>['scaling']> | undefined
  /** All that is known now of a version with a policy. */
  report(version: Version): ScalingReport | undefined
  /** Another number of instances is wanted. */
  onWanted(listener: () => void): void
  close(): Promise<void>
}

/** As the reader of the records wants it. */
export interface Fold {
  add(record: RequestRecord): void
  take(): ReadonlyMap<string, string | undefined>
  putBack(rows: ReadonlyMap<string, string | undefined>): void
}

export interface AutoscalerOptions {
  readonly resources: Pick<ResourceStore, 'list' | 'onChange'>
  readonly decided: Pick<ScalingStore, 'addDecision' | 'putPoint' | 'forget'>
  /** What an earlier control has stored, by its keys. */
  readonly kept: ReadonlyMap<string, string>
  /** The newest decision of each version, by uid. */
  readonly lastDecisions: ReadonlyMap<string, ScalingDecision>
  /** Asked in rounds only. */
  readonly instances: () => readonly ReportedInstance[]
  /** Those that have ever been connected to this control; asked in rounds only. */
  readonly gateways: () => readonly { readonly id: string; readonly boot: string; readonly connected: boolean }[]
  readonly clock: Clock
  readonly log: Log
}

export const KEPT_PREFIX = 'autoscaler/'
const EVERY_MS = 2_000
/** After a start the records of meanwhile are read: until then nothing is taken away for want of requests, milliseconds. */
const CATCHING_UP_MS = 10_000
/** What an earlier boot of a gateway had written is read by then, milliseconds. */
const SETTLED_MS = 5_000
/** A gateway that is not connected for so long is gone, milliseconds. */
const GONE_MS = 300_000
/** What changes without a record is stored with the next ones, this often. */
const STORED_MS = 30_000
/** Decisions and points that a database does not take wait for it. */
const MOST_UNSAVED = 1_000

export function createAutoscaler(options: AutoscalerOptions): Autoscaler {
  const { resources, decided, kept, clock, log } = options
  /** Those with a policy, by uid; and by the words of the records. */
  const all = new Map<string, ScaledVersion>()
  const byName = new Map<string, { readonly version: Version; readonly scaled: ScaledVersion }>()
  /** What was stored, or could not be: this is what the instances go by. */
  const acted = new Map<string, number>()
  const boots = new Map<string, string>()
  /** When each gateway's boot came, and when it was connected last. */
  const seen = new Map<string, { readonly boot: string; readonly since: number; last: number }>()
  const changed = new Set<string>()
  const gone = new Set(kept.keys())
  const storedAt = new Map<string, number>()
  const unsaved: (() => Promise<void>)[] = []
  const listeners = new Set<() => void>()
  let startedAt: number | undefined
  let closed = false

  const queries = createQueries({ clock, onAnswer: () => rounds.soon() })
  const curves = createCurveThread()

  const begin = (version: Version): ScaledVersion => {
    const uid = version.metadata.uid!
    const now = clock.latest()
    const text = kept.get(KEPT_PREFIX + uid)
    const last = options.lastDecisions.get(uid)
    // Only once: a policy that is taken away and given again begins anew.
    if (text !== undefined && gone.delete(KEPT_PREFIX + uid)) {
      try {
        return ScaledVersion.restore(version, text, last, now)
      } catch (error) {
        log.error('what was known of the load of a version cannot be read; it begins anew', {
          version: resourceLabel(version),
          error: messageOf(error),
        })
      }
    }
    const scaled = ScaledVersion.begin(version, now)
    if (startedAt === undefined && last) scaled.goOnFrom(last)
    return scaled
  }

  /** Takes up the versions that have a policy, and lets go of the others. */
  const follow = () => {
    byName.clear()
    const versions = new Map(resources.list('ModelVersion').map((version) => [version.metadata.uid!, version]))
    for (const [uid, version] of versions) {
      if (!version.spec.scaling.policy || version.spec.source.backend) continue
      const scaled = all.get(uid) ?? begin(version)
      all.set(uid, scaled)
      byName.set(keyOf(version.metadata.namespace, version.metadata.name), { version, scaled })
    }
    const followed = new Set([...byName.values()].map(({ scaled }) => scaled.uid))
    for (const uid of all.keys()) {
      if (followed.has(uid)) continue
      all.delete(uid)
      changed.delete(uid)
      acted.delete(uid)
      gone.add(KEPT_PREFIX + uid)
      if (!versions.has(uid)) unsaved.push(() => decided.forget(uid))
    }
    queries.keepOnly(followed)
  }
  follow()

  const deriveCurve = ({ version, scaled }: { version: Version; scaled: ScaledVersion }) => {
    const job = scaled.measured.due(version.spec, version.metadata.name, clock.latest())
    if (!job) return
    curves
      .derive(job)
      .catch((error: unknown) => ({ missing: messageOf(error) }))
      .then((result) => {
        if (closed) return
        scaled.measured.take(result)
        changed.add(scaled.uid)
        rounds.soon()
      })
  }

  /** Stores what was decided; what cannot be stored now is tried again with the next, and acted on all the same. */
  const save = async () => {
    while (unsaved.length > MOST_UNSAVED) unsaved.shift()
    while (unsaved.length > 0) {
      await unsaved[0]!()
      unsaved.shift()
    }
  }

  const note = (version: Version, decision: ScalingDecision | undefined, point: ScalingPoint | undefined) => {
    if (point) unsaved.push(() => decided.putPoint(point))
    if (!decision) return
    unsaved.push(() => decided.addDecision(decision))
    changed.add(decision.uid)
    const { from, wanted, reason } = decision
    log.info('scaling', { version: resourceLabel(version), from, wanted, reason })
  }

  /** A gateway that was killed writes no end of its requests, and one that is not asked writes nothing at all. */
  const forgetDead = (startedAt: number) => {
    const now = clock.monotonic()
    for (const { id, boot, connected } of options.gateways()) {
      const known = seen.get(id)
      if (known?.boot !== boot) seen.set(id, { boot, since: now, last: now })
      else if (connected) known.last = now
    }
    const isDead = ({ gateway, boot }: GatewayBoot) => {
      const known = seen.get(gateway)
      const isGone = now - (known?.last ?? startedAt) > GONE_MS
      return isGone || (known !== undefined && boot < known.boot && now - known.since > SETTLED_MS)
    }
    for (const { scaled } of byName.values()) if (scaled.load.forget(isDead)) changed.add(scaled.uid)
  }

  const round = async () => {
    follow()
    startedAt ??= clock.monotonic()
    forgetDead(startedAt)
    const now = clock.latest()
    const mayShrink = clock.monotonic() - startedAt >= CATCHING_UP_MS
    const reports = Map.groupBy(options.instances(), ({ instance }) => instance.uid)
    let moved = false
    const failures: unknown[] = []
    for (const each of byName.values()) {
      const { version, scaled } = each
      try {
        const { prometheus } = version.spec.scaling.policy!
        scaled.external = prometheus && queries.look(scaled.uid, prometheus, scaled.knownExternal(version))
        const { decision, point } = scaled.look(version, reports.get(scaled.uid) ?? [], now, mayShrink)
        note(version, decision, point)
        moved ||= decision !== undefined
        deriveCurve(each)
      } catch (error) {
        // What is wrong with one must not hold up the others.
        failures.push(error)
      }
      if (now - (storedAt.get(scaled.uid) ?? 0) >= STORED_MS) {
        storedAt.set(scaled.uid, now)
        changed.add(scaled.uid)
      }
    }
    await save().catch((error: unknown) => failures.push(error))
    for (const { uid, wanted } of all.values()) acted.set(uid, wanted)
    if (moved) for (const listener of listeners) listener()
    if (failures.length > 0) throw failures[0]
  }

  const rounds = createRounds({
    round,
    everyMs: EVERY_MS,
    ...{ clock, log },
    says: {
      failing: 'autoscaling is held up; what was wanted last is wanted still, and the next round tries again',
      working: 'autoscaling goes on',
    },
  })
  const unsubscribe = resources.onChange((events) => {
    if (events.some(concernsScaling)) rounds.soon()
  })

  return {
    start: rounds.start,
    round: () => rounds.inTurn(round),
    fold: {
      add(record) {
        const { gateway, boot } = record
        const before = boots.get(gateway)
        if (before === undefined || before < boot) {
          boots.set(gateway, boot)
          for (const { scaled } of byName.values())
            if (scaled.load.forget((one) => one.gateway === gateway && one.boot < boot)) changed.add(scaled.uid)
        }
        if (record.type !== 'started' && record.type !== 'finished') return
        const found = byName.get(keyOf(record.namespace ?? '', record.assigned ?? ''))
        if (!found) return
        const { version, scaled } = found
        try {
          const now = clock.latest()
          if (!scaled.add(record, { now, ahead: now - clock.now() }, version)) return
        } catch (error) {
          // A reader that throws would be given the same records again and again.
          log.error('a record could not be counted', { version: resourceLabel(version), request: record.id, error: messageOf(error) })
        }
        changed.add(scaled.uid)
        if (scaled.wantedOf(version) === 0) rounds.soon()
      },
      take() {
        const rows = new Map<string, string | undefined>([...gone].map((key) => [key, undefined]))
        for (const uid of changed) {
          const scaled = all.get(uid)
          if (scaled) rows.set(KEPT_PREFIX + uid, scaled.serialize())
        }
        changed.clear()
        gone.clear()
        return rows
      },
      putBack(rows) {
        for (const [key, value] of rows) {
          const uid = key.slice(KEPT_PREFIX.length)
          if (value === undefined && !all.has(uid)) gone.add(key)
          else changed.add(uid)
        }
      },
    },
    wanted(version) {
      if (!version.spec.scaling.policy) return version.spec.scaling.min
      const scaled = all.get(version.metadata.uid!)
      return scaled ? scaled.wantedOf(version, acted.get(scaled.uid)) : firstWanted(version)
    },
    status(version) {
      const scaled = all.get(version.metadata.uid!)
      if (!scaled || !version.spec.scaling.policy) return undefined
      const { startupMs } = scaled.measured
      return {
        ...{ wanted: scaled.wantedOf(version), reason: scaled.reason, since: new Date(scaled.since).toISOString() },
        ...(startupMs === undefined ? {} : { startupMs }),
      }
    },
    report(version) {
      const scaled = all.get(version.metadata.uid!)
      return scaled && version.spec.scaling.policy ? scalingReport(version, scaled) : undefined
    },
    onWanted: (listener) => listeners.add(listener),
    async close() {
      closed = true
      unsubscribe()
      queries.close()
      await curves.close()
      await rounds.close()
    },
  }
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`

/** A version is there, gone, or another one: its status changes with every round of the instances and says nothing new. */
function concernsScaling({ type, resource }: { readonly type: string; readonly resource: Resource }): boolean {
  if (resource.kind !== 'ModelVersion') return false
  const { status, metadata } = resource as Version
  return type !== 'MODIFIED' || status?.observedGeneration !== metadata.generation
}
