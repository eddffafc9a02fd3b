/** The course of one request on one scale: each step a bar, from the left when the request came to the right when its answer was whole. */
import type { FinishedRecord } from '../../../src/monitoring/request-records.ts'
import { milliseconds } from '../shell/format.ts'
import { ATTEMPT_WORDS } from './explain.ts'

export interface Step {
  readonly name: string
  readonly about?: string
  /** Milliseconds after the request came. */
  readonly from: number
  readonly to: number
  readonly tone: 'own' | 'wait' | 'answer' | 'bad'
}

/** Steps in their order; what the record does not know is left out. */
export function stepsOf(record: FinishedRecord): Step[] {
  const { times, attempts, stream, served } = record
  const steps: Step[] = []
  const { auth, limits, queue, firstToken, total } = times
  if (auth !== undefined) steps.push({ name: 'Read and authenticate', from: 0, to: auth, tone: 'own' })
  if (limits !== undefined) steps.push({ name: 'Route and limits', from: auth ?? 0, to: limits, tone: 'own' })
  for (const [i, { version, instance, error, status, from, to }] of attempts.entries()) {
    const where = instance === undefined || instance === `backend/${version}` ? version : instance
    steps.push({
      name: error === undefined ? 'Queue and first byte' : attempts.length > 1 ? `Attempt ${i + 1}` : 'Attempt',
      about: error === undefined ? where : `${where} ${ATTEMPT_WORDS[error]}${status === undefined ? '' : ` (${status})`}`,
      from,
      to,
      tone: error === undefined ? 'wait' : 'bad',
    })
  }
  const head = queue ?? attempts.at(-1)?.to
  if (served === undefined || head === undefined) return steps
  if (firstToken !== undefined && firstToken > head) steps.push({ name: 'Until the first token', from: head, to: firstToken, tone: 'wait' })
  const from = Math.max(head, firstToken ?? head)
  if (total > from) steps.push({ name: stream ? 'Stream' : 'Answer', from, to: total, tone: 'answer' })
  return steps
}

export function Timeline({ record }: { readonly record: FinishedRecord }) {
  const { total, firstToken } = record.times
  const scale = Math.max(total, 0.1)
  const at = (ms: number) => `${Math.min(100, (100 * ms) / scale)}%`
  return (
    <ol className="timeline" aria-label="Timeline">
      {stepsOf(record).map(({ name, about, from, to, tone }, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the steps of a request that has ended do not move
        <li key={i}>
          <span className="step-name">
            <span>{name}</span>
            {about && <span className="secondary">{about}</span>}
          </span>
          <span className="step-track" aria-hidden>
            <i className={tone} style={{ left: at(from), width: `max(2px, ${at(to - from)})` }} />
            {firstToken !== undefined && <b style={{ left: at(firstToken) }} />}
          </span>
          <span className="step-time">{milliseconds(to - from)}</span>
        </li>
      ))}
      <li className="step-sum">
        <span className="step-name">Total</span>
        <span className="step-track" aria-hidden />
        <span className="step-time">{milliseconds(total)}</span>
      </li>
    </ol>
  )
}
