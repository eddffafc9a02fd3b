/** What is left of the limits, as each gateway says it of its own share, and whom they have refused in the last hour. */
import { request as httpRequest } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { messageOf } from '../../kernel/errors.ts'
import type { RuleState } from '../../resources/snapshot.ts'
import type { ControlContext } from '../context.ts'
import type { LimitRefusals } from '../records/refusals.ts'

export interface GatewayLimits {
  readonly id: string
  /** Why it could not be asked. */
  readonly problem?: string
  /** Subjects with least left first, at most so many a rule; whoever is not named has the whole. */
  readonly states: readonly RuleState[]
  /** Subjects beyond those. */
  readonly more: number
}

const ASK_MS = 1_000
const MOST_A_RULE = 50

export function registerLimitStates(api: FastifyInstance, context: ControlContext): void {
  api.get('/limit-states', async (request): Promise<{ gateways: readonly GatewayLimits[] }> => {
    const { namespace, name } = request.query as Record<string, string | undefined>
    const wanted = (state: RuleState) =>
      (name === undefined || state.limit === name) && (namespace === undefined || state.namespace === namespace)
    const gateways = context.feed.gateways().filter(({ connected }) => connected)
    return {
      gateways: await Promise.all(
        gateways.map(async ({ id }): Promise<GatewayLimits> => {
          try {
            return { id, ...tightest((await ask(context.home.socket(id))).filter(wanted)) }
          } catch (error) {
            return { id, problem: messageOf(error), states: [], more: 0 }
          }
        }),
      ),
    }
  })

  api.get('/refusals', async (): Promise<{ items: readonly LimitRefusals[] }> => ({ items: await context.records.refusals() }))
}

/** Of each rule the subjects with the smallest share left. Pure. */
export function tightest(states: readonly RuleState[], most = MOST_A_RULE): Pick<GatewayLimits, 'states' | 'more'> {
  const byRule = new Map<string, RuleState[]>()
  for (const state of states) {
    const key = `${state.namespace}/${state.limit}#${state.rule}`
    const rule = byRule.get(key)
    if (rule) rule.push(state)
    else byRule.set(key, [state])
  }
  const share = ({ left, most: whole }: RuleState) => (whole === 0 ? 0 : left / whole)
  const kept = [...byRule.values()].flatMap((rule) => rule.sort((a, b) => share(a) - share(b)).slice(0, most))
  return { states: kept, more: states.length - kept.length }
}

function ask(socketPath: string): Promise<RuleState[]> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ socketPath, path: '/limits', timeout: ASK_MS }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve((JSON.parse(Buffer.concat(parts).toString('utf8')) as { limits: RuleState[] }).limits)
        } catch {
          reject(new Error('it does not tell what is left of its limits; it may be of another version'))
        }
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`it said nothing for ${ASK_MS} ms`)))
    asked.on('error', reject)
    asked.end()
  })
}
