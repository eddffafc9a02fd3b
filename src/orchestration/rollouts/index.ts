/**
 * Rollouts: canary releases, decided by what their requests show. `ladder.ts` decides, `overlay.ts` says what that makes of a route's weights,
 * `analysis.ts` compares; this file is the shell that hears the records, keeps the time and writes statuses.
 *
 * A release lives in two places that survive control: its status (phase, step, weight), written before it is acted on, and the state of its
 * comparison, stored with the marks up to which the records are read. Both may be older than what was seen last; nothing in them is ever ahead of it.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { createRounds } from '../../kernel/rounds.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import { condition } from '../../resources/conditions.ts'
import { type Resource, resourceLabel } from '../../resources/index.ts'
import type { CheckReport } from '../../resources/rollout.ts'
import { isJudged } from '../../resources/rollout-misfits.ts'
import type { ResourceStore } from '../../store/index.ts'
import { type AnalysisPlan, ReleaseAnalysis } from './analysis.ts'
import { createChecks, judgeChecks, keyOf as keyOfChecks } from './checks.ts'
import { type Action, act, advance, type Evidence, type RolloutStatus, type Seen } from './ladder.ts'
import { isCompared, isRunningNow, isSame, keyOf, planOf } from './plan.ts'
import { type Readable, whyNot, whyNotReady } from './surroundings.ts'

type Rollout = Resource<'Rollout'>
type Resources = Readable & Pick<ResourceStore, 'setStatus' | 'onChange'>

export interface Rollouts {
  start(): void
  /** What is due now; by itself it does so twice a second. */
  round(): Promise<void>
  /** Hears the records; what it makes of them is stored with the marks up to which they are read. */
  readonly fold: {
    add(record: RequestRecord): void
    take(): ReadonlyMap<string, string | undefined>
    putBack(rows: ReadonlyMap<string, string | undefined>): void
  }
  /** What a person wants of a release. Throws where that cannot be now. */
  act(namespace: string, name: string, action: Action, who: string): Promise<Rollout>
  close(): Promise<void>
}

const EVERY_MS = 500
/** Evidence grows with each request; its figures are written this often, and with every step. */
const REPORT_MS = 2_000
/** What is written as soon as it is decided; the rest is figures. */
const DECIDED = ['phase', 'step', 'weight', 'attempt', 'pausedBy', 'heldSince'] as const
const STORED = 'rollout/'

export function createRollouts(options: {
  readonly resources: Resources
  /** What an earlier control has stored, by its keys. */
  readonly kept: ReadonlyMap<string, string>
  readonly clock: Clock
  readonly log: Log
}): Rollouts {
  const { resources, kept, clock, log } = options
  const analyses = new Map<string, ReleaseAnalysis>()
  const changed = new Set<string>()
  const gone = new Set<string>(kept.keys())
  const reportedAt = new Map<string, number>()

  /** What is wrong with one release must not hold up the others. */
  function byItself<T>(rollout: Rollout, work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      log.error('a release stands still', { rollout: resourceLabel(rollout), error: messageOf(error) })
      return undefined
    }
  }

  const checks = createChecks({ clock, onChange: () => rounds.soon() })

  const analysisOf = (rollout: Rollout): ReleaseAnalysis | undefined => {
    const plan = planOf(rollout, resources.get('Route', rollout.metadata.namespace, rollout.spec.route))
    if (!plan) return undefined
    const known = analyses.get(plan.key)
    if (known && isSame(known.plan, plan)) return known
    if (known) log.warn('a release is compared anew: who stays on a version has changed', { release: plan.key })
    const analysis = (known ? undefined : restored(kept.get(STORED + plan.key), plan, log)) ?? ReleaseAnalysis.begin(plan)
    analyses.set(plan.key, analysis)
    changed.add(plan.key)
    gone.delete(STORED + plan.key)
    return analysis
  }
  for (const rollout of resources.list('Rollout')) if (isCompared(rollout)) byItself(rollout, () => analysisOf(rollout))

  const seenOf = (rollout: Rollout): Seen => {
    const analysis = isCompared(rollout) ? analysisOf(rollout) : undefined
    if (analysis?.settle(clock.now())) changed.add(analysis.plan.key)
    return {
      now: clock.now(),
      unready: whyNotReady(rollout, resources),
      evidence: together(rollout, analysis?.evidence((rollout.status?.weight ?? 0) / 100), reportsOf(rollout)),
    }
  }

  const reportsOf = (rollout: Rollout) => (isRunningNow(rollout) ? checks.look(rollout) : (rollout.status?.checks ?? []))

  const round = async () => {
    const present = new Set<string>()
    for (const rollout of resources.list('Rollout')) {
      present.add(keyOf(rollout))
      const after = byItself(rollout, () => advance(rollout.spec, rollout.status, seenOf(rollout)))
      if (after) await write(rollout, after, after !== rollout.status)
    }
    checks.keepOnly(new Set(resources.list('Rollout').map(keyOfChecks)))
    for (const key of analyses.keys()) {
      if (present.has(key)) continue
      analyses.delete(key)
      changed.delete(key)
      gone.add(STORED + key)
    }
  }

  const write = async (rollout: Rollout, after: RolloutStatus, decided: boolean, deed?: { actor: string; action: Action }) => {
    const { uid } = rollout.metadata
    const moved = DECIDED.some((field) => after[field] !== rollout.status?.[field])
    const due = clock.monotonic() - (reportedAt.get(uid ?? '') ?? Number.NEGATIVE_INFINITY) >= REPORT_MS
    if (!deed && !moved && !(due && (decided || isRunningNow(rollout)))) return
    reportedAt.set(uid ?? '', clock.monotonic())
    // Before any gateway can know the weights: what they write of them must find somebody who counts.
    const next = { ...rollout, status: after }
    const analysis = isCompared(next) ? analysisOf(next) : analyses.get(keyOf(next))
    const status = {
      ...after,
      observedGeneration: rollout.metadata.generation,
      conditions: conditionsOf(after, rollout.status, clock.now()),
      ...(rollout.spec.analysis.checks.length > 0 ? { checks: [...reportsOf(rollout)] } : {}),
      ...(analysis ? { analysis: analysis.report((after.weight ?? 0) / 100 || (rollout.status?.weight ?? 0) / 100) } : {}),
    }
    await resources.setStatus(rollout, status, deed)
    if (moved)
      log.info('release', {
        rollout: resourceLabel(rollout),
        phase: after.phase,
        step: after.step,
        weight: after.weight,
        message: after.message,
      })
  }

  const rounds = createRounds({
    round,
    everyMs: EVERY_MS,
    ...{ clock, log },
    says: { failing: 'releases stand still: their statuses cannot be written', working: 'releases go on' },
  })
  const unsubscribe = resources.onChange((events) => {
    if (events.some(({ resource, type }) => resource.kind === 'Rollout' && type === 'ADDED')) rounds.soon()
  })

  return {
    start: rounds.start,
    round: () => rounds.inTurn(round),
    fold: {
      add(record) {
        if (record.type !== 'feedback' && !record.assignments) return
        for (const analysis of analyses.values()) {
          try {
            if (analysis.add(record)) changed.add(analysis.plan.key)
          } catch (error) {
            // A reader that throws would be given the same records again and again.
            log.error('a record could not be counted for a release', {
              release: analysis.plan.key,
              request: record.id,
              error: messageOf(error),
            })
          }
        }
      },
      take() {
        const rows = new Map<string, string | undefined>([...gone].map((key) => [key, undefined]))
        for (const key of changed) rows.set(STORED + key, analyses.get(key)?.serialize())
        changed.clear()
        gone.clear()
        return rows
      },
      putBack(rows) {
        for (const [key, value] of rows) {
          const plain = key.slice(STORED.length)
          if (value === undefined && !analyses.has(plain)) gone.add(key)
          else changed.add(plain)
        }
      },
    },
    act: (namespace, name, action, who) =>
      rounds.inTurn(async () => {
        const rollout = resources.get('Rollout', namespace, name)
        if (!rollout)
          throw new StrataError('not_found', `There is no Rollout "${name}" in the namespace ${namespace}.`, {
            advice: 'See: strata get rollouts',
          })
        const cannot = whyNot(action, rollout, resources)
        if (cannot !== undefined) throw new StrataError('wrong_phase', `${resourceLabel(rollout)}: ${cannot}`)
        const result = act(rollout.spec, rollout.status, action, who, seenOf(rollout))
        if ('refused' in result)
          throw new StrataError('wrong_phase', `${resourceLabel(rollout)}: ${result.refused}`, {
            advice: `See: strata rollout get ${name}`,
          })
        await write(rollout, result.status, true, { actor: who, action })
        rounds.soon()
        return resources.get('Rollout', namespace, name) ?? rollout
      }),
    async close() {
      unsubscribe()
      checks.close()
      await rounds.close()
    },
  }
}

/** What requests and checks show together. */
function together({ spec, status }: Rollout, requests: Evidence | undefined, reports: readonly CheckReport[]): Evidence {
  const ofChecks = judgeChecks(spec.analysis.checks, reports, Date.parse(status?.stepStartedAt ?? '') || 0)
  const harm = requests?.harm ?? ofChecks.harm
  return {
    ...(harm === undefined ? {} : { harm }),
    safe: requests?.safe === true,
    good: ofChecks.good,
    units: requests?.units ?? 0,
    missing: [isJudged(spec) ? requests?.missing : '', ofChecks.missing].filter(Boolean).join(' '),
  }
}

function restored(text: string | undefined, plan: AnalysisPlan, log: Log): ReleaseAnalysis | undefined {
  if (text === undefined) return undefined
  try {
    const analysis = ReleaseAnalysis.parse(text)
    if (isSame(analysis.plan, plan)) return analysis
    log.warn('a release is compared anew: what it is judged by, or who stays on a version, has changed', { release: plan.key })
  } catch (error) {
    log.error('what a release had shown cannot be read; it is compared anew', { release: plan.key, error: messageOf(error) })
  }
  return undefined
}

function conditionsOf(after: RolloutStatus, before: RolloutStatus | undefined, now: number): RolloutStatus['conditions'] {
  const known = before?.conditions ?? []
  const completed = after.phase === 'Healthy' ? 'True' : after.phase === 'Degraded' ? 'False' : 'Unknown'
  return [
    condition(known, 'Completed', completed, after.phase ?? 'Pending', after.message ?? '', now),
    // From now on there are numbers that mean what is written.
    condition(known, 'Established', 'True', 'Begun', '', now),
  ]
}
