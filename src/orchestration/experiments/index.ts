/**
 * Experiments: A/B tests, decided by what requests show. `verdict.ts` decides, `overlay.ts` says how callers are divided, `analysis.ts` counts; this file
 * is the shell that hears the records, keeps the time and writes statuses.
 *
 * As a release, an experiment lives in two places that survive control: its status, written before it is acted on, and the state of its analysis,
 * stored with the marks up to which the records are read.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { createRounds } from '../../kernel/rounds.ts'
import { condition } from '../../resources/conditions.ts'
import { isExperimenting } from '../../resources/experiment-misfits.ts'
import { type Resource, resourceLabel } from '../../resources/index.ts'
import { answers, isReady } from '../../resources/readiness.ts'
import type { ResourceStore } from '../../store/index.ts'
import { type Fold, Kept } from '../comparison/kept.ts'
import { ExperimentAnalysis } from './analysis.ts'
import { type ExperimentPlan, isSame, keyOf, planOf } from './plan.ts'
import { armReports } from './report.ts'
import { advance, type ExperimentStatus, type Seen, stop, stoppedArms } from './verdict.ts'

type Experiment = Resource<'Experiment'>

export interface Experiments {
  start(): void
  /** What is due now; by itself it does so twice a second. */
  round(): Promise<void>
  /** Hears the records; what it makes of them is stored with the marks up to which they are read. */
  readonly fold: Fold
  /** Ends an experiment before it is decided. Throws where it is. */
  stop(namespace: string, name: string, who: string): Promise<Experiment>
  close(): Promise<void>
}

const EVERY_MS = 500
/** Figures are written this often, and with everything that is decided. */
const REPORT_MS = 2_000

export function createExperiments(options: {
  readonly resources: Pick<ResourceStore, 'get' | 'list' | 'setStatus' | 'onChange'>
  /** What an earlier control has stored, by its keys. */
  readonly kept: ReadonlyMap<string, string>
  readonly clock: Clock
  readonly log: Log
}): Experiments {
  const { resources, kept, clock, log } = options
  const analyses = new Kept<ExperimentAnalysis>('experiment/', kept, log)
  const reportedAt = new Map<string, number>()

  const analysisOf = (experiment: Experiment): ExperimentAnalysis | undefined => {
    const plan = planOf(experiment, resources.get('Route', experiment.metadata.namespace, experiment.spec.route))
    if (!plan) return undefined
    const known = analyses.get(plan.key)
    if (known && isSame(known.plan, plan)) return known
    if (known) log.warn('an experiment counts anew: who is assigned has changed', { experiment: plan.key })
    const analysis = (known ? undefined : restored(analyses.stored(plan.key), plan, log)) ?? ExperimentAnalysis.begin(plan)
    analyses.set(plan.key, analysis)
    return analysis
  }

  /** What is wrong with one must not hold up the others. */
  const byItself = <T>(experiment: Experiment, work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      log.error('an experiment stands still', { experiment: resourceLabel(experiment), error: messageOf(error) })
      return undefined
    }
  }
  for (const experiment of resources.list('Experiment')) if (isCounted(experiment)) byItself(experiment, () => analysisOf(experiment))

  const seenOf = (experiment: Experiment): Seen => {
    const analysis = isCounted(experiment) ? analysisOf(experiment) : undefined
    const running = experiment.status?.phase === 'Running'
    if (analysis && running) {
      analysis.divide()
      if (analysis.settle(clock.now(), stoppedArms(experiment.status))) analyses.touch(analysis.plan.key)
    }
    const unready = whyNotReady(experiment)
    return {
      now: clock.now(),
      ...(unready === undefined ? {} : { unready }),
      arms: running ? (analysis?.findings() ?? []) : [],
      prepared: analysis?.before.size ?? 0,
    }
  }

  /** To begin with all arms must be ready. Later on, where none answers, that is no reason to hold it: all fail alike. */
  const whyNotReady = ({ spec, metadata, status }: Experiment): string | undefined => {
    if (!resources.get('Route', metadata.namespace, spec.route)) return `there is no Route ${spec.route}.`
    const stopped = stoppedArms(status)
    const versions = spec.arms
      .filter(({ name }) => !stopped.has(name))
      .map((arm) => ({ ...arm, found: resources.get('ModelVersion', metadata.namespace, arm.version) }))
    const begun = status?.phase === 'Running'
    const lame = versions.filter(({ found }) => !(found && (begun ? answers(found) : isReady(found))))
    const first = lame[0]
    if (!first || (begun && lame.length === versions.length)) return undefined
    return `${first.version} of the arm ${first.name} ${first.found ? `is ${first.found.status?.state ?? 'not there yet'}` : 'does not exist'}.`
  }

  const round = async () => {
    const present = new Set<string>()
    for (const experiment of resources.list('Experiment')) {
      if (isExperimenting(experiment)) present.add(keyOf(experiment))
      else continue
      const seen = byItself(experiment, () => seenOf(experiment))
      const after = seen && byItself(experiment, () => advance(experiment.spec, experiment.status, seen))
      if (seen && after) await write(experiment, after, seen)
    }
    analyses.keepOnly(present)
  }

  const write = async (experiment: Experiment, after: ExperimentStatus, seen: Seen, deed?: { actor: string; action: string }) => {
    const { status: before, metadata } = experiment
    const moved = isMoved(before, after)
    const uid = metadata.uid ?? ''
    const due = clock.monotonic() - (reportedAt.get(uid) ?? Number.NEGATIVE_INFINITY) >= REPORT_MS
    if (!deed && !moved && !due) return
    reportedAt.set(uid, clock.monotonic())
    // Before any gateway can know that callers are divided: what it writes of them must find somebody who counts.
    const next = { ...experiment, status: after }
    const analysis = isCounted(next) ? analysisOf(next) : analyses.get(keyOf(next))
    const ratioP = Math.min(1, ...seen.arms.map((arm) => arm.ratioP))
    await resources.setStatus(
      experiment,
      {
        ...after,
        observedGeneration: metadata.generation,
        conditions: conditionsOf(after, before, clock.now()),
        ...(seen.arms.length > 0
          ? {
              arms: armReports(experiment.spec, after, before, seen.arms, analysis?.courses() ?? []),
              sampleRatio: { p: Number(ratioP.toPrecision(3)) },
            }
          : {}),
      },
      deed,
    )
    if (moved)
      log.info('experiment', {
        experiment: resourceLabel(experiment),
        phase: after.phase,
        decision: after.decision,
        message: after.message,
      })
  }

  const rounds = createRounds({
    round,
    everyMs: EVERY_MS,
    ...{ clock, log },
    says: { failing: 'experiments stand still: their statuses cannot be written', working: 'experiments go on' },
  })
  const unsubscribe = resources.onChange((events) => {
    if (events.some(({ resource, type }) => resource.kind === 'Experiment' && type === 'ADDED')) rounds.soon()
  })

  return {
    start: rounds.start,
    round: () => rounds.inTurn(round),
    fold: analyses.fold,
    stop: (namespace, name, who) =>
      rounds.inTurn(async () => {
        const experiment = resources.get('Experiment', namespace, name)
        if (!experiment)
          throw new StrataError('not_found', `There is no Experiment "${name}" in the namespace ${namespace}.`, {
            advice: 'See: strata get experiments',
          })
        const result = stop(experiment.status, who, clock.now())
        if ('refused' in result)
          throw new StrataError('wrong_phase', `${resourceLabel(experiment)}: ${result.refused}`, {
            advice: `See: strata experiment get ${name}`,
          })
        await write(experiment, result, seenOf(experiment), { actor: who, action: 'stop' })
        rounds.soon()
        return resources.get('Experiment', namespace, name) ?? experiment
      }),
    async close() {
      unsubscribe()
      await rounds.close()
    },
  }
}

function isCounted({ status }: Experiment): boolean {
  return status?.phase === 'Preparing' || status?.phase === 'Running'
}

function isMoved(before: ExperimentStatus | undefined, after: ExperimentStatus): boolean {
  return before?.phase !== after.phase || before?.heldSince !== after.heldSince || stoppedArms(before).size !== stoppedArms(after).size
}

function restored(text: string | undefined, plan: ExperimentPlan, log: Log): ExperimentAnalysis | undefined {
  if (text === undefined) return undefined
  try {
    const analysis = ExperimentAnalysis.parse(text)
    if (isSame(analysis.plan, plan)) return analysis
    log.warn('an experiment counts anew: who is assigned has changed', { experiment: plan.key })
  } catch (error) {
    log.error('what an experiment had seen cannot be read; it counts anew', { experiment: plan.key, error: messageOf(error) })
  }
  return undefined
}

function conditionsOf(after: ExperimentStatus, before: ExperimentStatus | undefined, now: number): ExperimentStatus['conditions'] {
  const known = before?.conditions ?? []
  const decided = after.phase === 'Decided'
  return [
    condition(known, 'Decided', decided ? 'True' : 'False', after.decision ?? after.phase ?? 'Pending', after.message ?? '', now),
    // From now on there are numbers that mean what is written.
    condition(known, 'Established', 'True', 'Begun', '', now),
  ]
}
