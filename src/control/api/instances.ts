/** What instances have printed. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import type { ControlContext } from '../context.ts'

const LINES = 200
const MOST_LINES = 10_000

export interface InstanceLogs {
  /** Oldest first. */
  readonly lines: readonly string[]
}

export function registerInstances(api: FastifyInstance, context: ControlContext): void {
  // What a server prints may have words of a prompt in it: not for everybody who may look.
  api.get('/instances/:id/logs', { config: { role: 'editor' } }, async (request): Promise<InstanceLogs> => {
    const { id } = request.params as { id: string }
    const { lines = String(LINES) } = request.query as { lines?: string }
    if (!/^\d{1,5}$/.test(lines) || Number(lines) < 1 || Number(lines) > MOST_LINES)
      throw new StrataError('invalid_request', `\`lines\` is a number from 1 to ${MOST_LINES}.`)
    const printed = await context.instances.logs(id, Number(lines))
    if (!printed)
      throw new StrataError('not_found', `There is no instance ${JSON.stringify(id.slice(0, 80))}.`, { advice: 'See `strata status`.' })
    return { lines: printed }
  })
}
