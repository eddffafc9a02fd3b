/**
 * Rollouts: canary releases, decided by what their requests show. `ladder.ts` decides, `overlay.ts` says what that makes of a route's weights,
 * `comparison/` compares; this file is the shell that hears the records, keeps the time and writes statuses.
 *
 * A release lives in two places that survive control: its status (phase, step, weight), written before it is acted on, and the state of its
 * comparison, stored with the marks up to which the records are read. Both may be older than what was seen last; nothing in them is ever ahead of it.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { createRounds } from '../../kernel/rounds.ts'
import { condition } from '../../resources/conditions.ts'
import { type Resource, resourceLabel } from '../../resources/index.ts'
import type { CheckReport } from '../../resources/rollout.ts'
import { isJudged } from '../../resources/rollout-misfits.ts'
import type { ResourceStore } from '../../store/index.ts'
import { Comparison, type ComparisonPlan } from '../comparison/comparison.ts'
import type { Evidence } from '../comparison/findings.ts'
import { type Fold, Kept } from '../comparison/kept.ts'
import { createChecks, judgeChecks, keyOf as keyOfChecks } from './checks.ts'
import { type Action, act, advance, type RolloutStatus, type Seen } from './ladder.ts'
import { isCompared, isRunningNow, isSame, keyOf, planOf } from './plan.ts'
import { isWritten, type Readable, whyDisplaced, whyNot, whyNotReady } from './surroundings.ts'

type Rollout = Resource<'Rollout'>
type Resources = Readable & Pick<ResourceStore, 'setStatus' | 'onChange'>

export interface Rollouts {
  start(): void
  /** What is due now; by itself it does so twice a second. */
  round(): Promise<void>
  /** Hears the records; what it makes of them is stored with the marks up to which they are read. */
  readonly fold: Fold
  /** What a person wants of a release. Throws where that cannot be now. */
  act(namespace: string, name: string, action: Action, who: string): Promise<Rollout>
  close(): Promise<void>
}

const EVERY_MS = 500
/** Evidence grows with each request; its figures are written this often, and with every step. */
const REPORT_MS = 2_000
/** What is written as soon as it is decided; the rest is figures. */
const DECIDED = ['phase', 'step', 'weight', 'attempt', 'pausedBy', 'heldSince'] as const

export function createRollouts(options: {
  readonly resources: Resources
  /** What an earlier control has stored, by its keys. */
  readonly kept: ReadonlyMap<string, string>
  readonly clock: Clock
  readonly log: Log
}): Rollouts {
  const { resources, kept, clock, log } = options
  const analyses = new Kept<Comparison>('rollout/', kept, log)
  const reportedAt = new Map<string, number>()
  /** Releases whose comparison has begun anew, until their status says so. */
  const anew = new Set<string>()

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

  const analysisOf = (rollout: Rollout): Comparison | undefined => {
    const plan = planOf(rollout, resources.get('Route', rollout.metadata.namespace, rollout.spec.route))
    if (!plan) return undefined
    const known = analyses.get(plan.key)
    if (known && isSame(known.plan, plan)) return known
    if (known) log.warn('a release is compared anew: who stays on a version has changed', { release: plan.key })
    const stored = known ? undefined : analyses.stored(plan.key)
    const restoredOne = restored(stored, plan, log)
    if (known || (stored !== undefined && !restoredOne)) anew.add(plan.key)
    const analysis = restoredOne ?? Comparison.begin(plan)
    analyses.set(plan.key, analysis)
    return analysis
  }
  for (const rollout of resources.list('Rollout')) if (isCompared(rollout)) byItself(rollout, () => analysisOf(rollout))

  const seenOf = (rollout: Rollout): Seen => {
    const analysis = isCompared(rollout) ? analysisOf(rollout) : undefined
    if (analysis?.settle(clock.now())) analyses.touch(analysis.plan.key)
    return {
      now: clock.now(),
      unready: whyNotReady(rollout, resources),
      displaced: whyDisplaced(rollout, resources),
      written: isWritten(rollout, resources),
      ...(analysis && anew.has(analysis.plan.key) ? { anew: 'Who stays on a version, or what it is judged by, has changed' } : {}),
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
    analyses.keepOnly(present)
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
    if (analysis) anew.delete(analysis.plan.key)
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
    fold: analyses.fold,
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

function restored(text: string | undefined, plan: ComparisonPlan, log: Log): Comparison | undefined {
  if (text === undefined) return undefined
  try {
    const analysis = Comparison.parse(text)
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
