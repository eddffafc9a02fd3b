/**
 * A release's looks at something else than its requests: a query of a Prometheus, a service of its owner. A bad answer counts, so many one after the
 * other roll back; no answer is no bad one, and only holds up the next step. Counts begin anew with a new control.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { Resource, Spec } from '../../resources/index.ts'
import type { CheckReport } from '../../resources/rollout.ts'
import { durationMs } from '../../resources/scalars.ts'
import { ANSWER_MS, askPrometheus, authorization, readBounded, whyNoAnswer } from '../prometheus/index.ts'

type Rollout = Resource<'Rollout'>
type Check = Spec<'Rollout'>['analysis']['checks'][number]

/** What was answered; `good` absent: nothing that says anything. */
export interface Answer {
  readonly good?: boolean
  readonly message: string
}

export interface Checks {
  /** Asks what is due, and tells what is known. */
  look(rollout: Rollout): readonly CheckReport[]
  keepOnly(uids: ReadonlySet<string>): void
  close(): void
}

export function createChecks({ clock, onChange }: { readonly clock: Clock; onChange(): void }): Checks {
  const closing = new AbortController()
  const known = new Map<string, Map<string, { report?: CheckReport; askedAt: number; asking: boolean }>>()

  const ask = async (rollout: Rollout, check: Check, failures: number): Promise<CheckReport> => {
    const answer = await answerOf(rollout, check, AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_MS)]))
    const time = new Date(clock.now()).toISOString()
    return { name: check.name, ...answer, failures: answer.good === false ? failures + 1 : answer.good ? 0 : failures, time }
  }

  return {
    look(rollout) {
      const key = keyOf(rollout)
      const ofThis = known.get(key) ?? new Map<string, { report?: CheckReport; askedAt: number; asking: boolean }>()
      known.set(key, ofThis)
      for (const check of rollout.spec.analysis.checks) {
        const state = ofThis.get(check.name) ?? { askedAt: Number.NEGATIVE_INFINITY, asking: false }
        ofThis.set(check.name, state)
        if (state.asking || clock.monotonic() - state.askedAt < durationMs(check.every)) continue
        state.asking = true
        state.askedAt = clock.monotonic()
        void ask(rollout, check, state.report?.failures ?? 0).then((report) => {
          state.asking = false
          if (closing.signal.aborted) return
          state.report = report
          onChange()
        })
      }
      return rollout.spec.analysis.checks.map(
        ({ name }) => ofThis.get(name)?.report ?? { name, failures: 0, message: 'not answered yet', time: '' },
      )
    },
    keepOnly(uids) {
      for (const key of known.keys()) if (!uids.has(key)) known.delete(key)
    },
    close: () => closing.abort(),
  }
}

/** What a release's checks were asked for: another try asks anew. */
export function keyOf({ metadata, status }: Rollout): string {
  return `${metadata.uid ?? metadata.name}#${status?.attempt ?? 1}`
}

/** What checks make of a release. Pure. */
export function judgeChecks(
  checks: readonly Check[],
  reports: readonly CheckReport[],
  since: number,
): { readonly harm?: string; readonly good: boolean; readonly missing: string } {
  const bad = checks.flatMap(({ name, failures }) => reports.filter((each) => each.name === name && each.failures >= failures))[0]
  const waiting = reports.find(({ good, time }) => good !== true || Date.parse(time) < since)
  return {
    ...(bad ? { harm: `The check ${bad.name} was bad ${bad.failures} times one after the other: ${bad.message}` } : {}),
    good: waiting === undefined,
    missing: waiting === undefined ? '' : `The check ${waiting.name} is waited for: ${waiting.message}.`,
  }
}

async function answerOf(rollout: Rollout, check: Check, signal: AbortSignal): Promise<Answer> {
  try {
    return check.prometheus ? await askQuery(check.prometheus, signal) : await askService(check.webhook!, rollout, signal)
  } catch (error) {
    return { message: `no answer: ${whyNoAnswer(error, signal)}` }
  }
}

async function askQuery({ atMost, atLeast, ...query }: NonNullable<Check['prometheus']>, signal: AbortSignal): Promise<Answer> {
  const answer = await askPrometheus(query, signal)
  if ('problem' in answer) return { message: answer.problem }
  const { values } = answer
  const outside = values.find((value) => (atMost !== undefined && value > atMost) || (atLeast !== undefined && value < atLeast))
  const bounds = [atLeast === undefined ? '' : `at least ${atLeast}`, atMost === undefined ? '' : `at most ${atMost}`]
    .filter(Boolean)
    .join(' and ')
  return outside === undefined
    ? { good: true, message: `${shown(values)}, ${bounds}` }
    : { good: false, message: `${shown([outside])} is not ${bounds}` }
}

async function askService({ address, bearer }: NonNullable<Check['webhook']>, rollout: Rollout, signal: AbortSignal): Promise<Answer> {
  const { metadata, spec, status } = rollout
  const body = JSON.stringify({
    rollout: metadata.name,
    namespace: metadata.namespace,
    ...{ route: spec.route, from: spec.from, to: spec.to },
    ...{ phase: status?.phase, step: status?.step, weight: status?.weight, attempt: status?.attempt },
  })
  const headers = { 'content-type': 'application/json', ...authorization(bearer) }
  const response = await fetch(address, { method: 'POST', body, headers, signal, redirect: 'error' })
  const text = await readBounded(response)
  if (!response.ok) return { message: `HTTP ${response.status}` }
  const { ok, message } = JSON.parse(text) as { ok?: unknown; message?: unknown }
  if (typeof ok !== 'boolean') return { message: 'its answer has no `ok` that is true or false' }
  return { good: ok, message: typeof message === 'string' && message !== '' ? message.slice(0, 500) : ok ? 'good' : 'bad' }
}

const shown = (values: readonly number[]) =>
  values
    .slice(0, 3)
    .map((value) => Number(value.toPrecision(4)))
    .join(', ') + (values.length > 3 ? ', …' : '')
