/** What consumers have used, and when their keys were last seen. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import type { KeyUse, UsageSum } from '../../store/usage.ts'
import type { ControlContext } from '../context.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const MOST_STEPS = 1_500

/** `from` and `to` as they were meant, rounded to whole steps. */
export interface UsageAnswer {
  readonly from: number
  readonly to: number
  readonly stepMs: number
  readonly items: readonly UsageSum[]
}

export function registerUsage(api: FastifyInstance, context: ControlContext): void {
  const { store, clock, records } = context

  /** Sums by consumer, route and outcome. Default: the last 24 hours as one step. Lags behind the traffic by about a second. */
  api.get('/usage/consumers', async (request): Promise<UsageAnswer> => {
    const query = request.query as Record<string, string | undefined>
    const to = timeOf('to', query.to, clock.now() + MINUTE_MS)
    const from = timeOf('from', query.from, to - DAY_MS)
    const stepMs = query.step === undefined ? 10 * 365 * DAY_MS : Number(query.step)
    if (!Number.isSafeInteger(stepMs) || stepMs < MINUTE_MS || stepMs % MINUTE_MS !== 0)
      throw new StrataError('invalid_request', '`step` is a number of milliseconds, whole minutes.')
    if ((to - from) / stepMs > MOST_STEPS)
      throw new StrataError('invalid_request', `Between \`from\` and \`to\` lie more than ${MOST_STEPS} steps.`, {
        advice: 'Take a longer step.',
      })
    const { namespace, consumer } = query
    return { from, to, stepMs, items: await store.usage.sums({ from, to, stepMs, namespace, consumer }) }
  })

  api.get('/usage/keys', (): { items: readonly KeyUse[] } => ({ items: records.keyUses() }))
}

function timeOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const time = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(time)) throw new StrataError('invalid_request', `\`${name}\` is not a time: milliseconds since 1970, or RFC 3339.`)
  return time
}
