/** What a person wants of a release: the answer tells whether every gateway has it. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import type { Action } from '../../orchestration/rollouts/ladder.ts'
import type { ControlContext } from '../context.ts'

const ACTIONS: readonly Action[] = ['pause', 'resume', 'promote', 'promote-full', 'abort', 'retry', 'undo']
/** A gateway that has not confirmed by then is told of in the answer. */
const CONFIRM_MS = 1_000

export function registerRollouts(api: FastifyInstance, context: ControlContext): void {
  api.post('/rollouts/:name/:action', async (request) => {
    const { name, action } = request.params as { name: string; action: string }
    const { namespace = 'default' } = request.query as { namespace?: string }
    const known = ACTIONS.find((each) => each === action)
    if (!known)
      throw new StrataError('not_found', `A release cannot be told to ${JSON.stringify(action.slice(0, 40))}.`, {
        advice: `It can: ${ACTIONS.join(', ')}.`,
      })
    const rollout = await context.rollouts.act(namespace, name, known, request.caller.actor)
    const since = context.clock.monotonic()
    const confirmed = await context.feed.acked(context.feed.version(), CONFIRM_MS)
    return { rollout, confirmed, tookMs: Math.round(context.clock.monotonic() - since) }
  })
}
