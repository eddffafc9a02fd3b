/** What a person wants of an experiment: its end, and what it has found as a page. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import { experimentReport, REPORT_POLICY } from '../../resources/experiment-report.ts'
import type { ControlContext } from '../context.ts'

/** A gateway that has not confirmed by then is told of in the answer. */
const CONFIRM_MS = 1_000

export function registerExperiments(api: FastifyInstance, context: ControlContext): void {
  api.post('/experiments/:name/stop', async (request) => {
    const { name } = request.params as { name: string }
    const { namespace = 'default' } = request.query as { namespace?: string }
    const experiment = await context.experiments.stop(namespace, name, request.caller.actor)
    return { experiment, confirmed: await context.feed.acked(context.feed.version(), CONFIRM_MS) }
  })
  api.get('/experiments/:name/report', (request, reply) => {
    const { name } = request.params as { name: string }
    const { namespace = 'default' } = request.query as { namespace?: string }
    const experiment = context.store.resources.get('Experiment', namespace, name)
    if (!experiment)
      throw new StrataError('not_found', `There is no Experiment ${JSON.stringify(name)} in the namespace ${namespace}.`, {
        advice: 'See: strata get experiments',
      })
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', REPORT_POLICY)
      .send(experimentReport(experiment, context.clock.now()))
  })
}
