/** API keys: made here, where the secret is shown once, and revoked with a word on whether the gateways know. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import { randomBase62, sha256Hex } from '../../kernel/ids.ts'
import { formatPath, formatProblem, type Problem } from '../../resources/problems.ts'
import { API_VERSION } from '../../resources/scalars.ts'
import { shownPrefix } from '../bootstrap.ts'
import type { ControlContext } from '../context.ts'

/** A gateway that has not confirmed by then is told of in the answer. */
const CONFIRM_MS = 1_000

export function registerKeys(api: FastifyInstance, context: ControlContext): void {
  const { resources } = context.store

  api.post('/keys', { config: { role: 'admin' } }, async (request, reply) => {
    const body = (request.body ?? {}) as { consumer?: unknown; name?: unknown; expires?: unknown; namespace?: unknown }
    const { consumer, expires } = body
    if (typeof consumer !== 'string') throw new StrataError('invalid_request', 'The body needs `consumer`, the name of a Consumer.')
    const secret = `sk-strata-${randomBase62(40)}`
    const name = body.name ?? `${consumer.slice(0, 50)}-${randomBase62(6).toLowerCase()}`
    const namespace = typeof body.namespace === 'string' ? body.namespace : 'default'
    if (typeof name === 'string' && resources.get('ApiKey', namespace, name))
      throw new StrataError('conflict', `There is a key ${JSON.stringify(name)} already.`, {
        advice: 'Choose another name, or leave it out.',
      })
    const document = {
      apiVersion: API_VERSION,
      kind: 'ApiKey',
      metadata: { name, namespace },
      spec: { consumer, hash: sha256Hex(secret), prefix: shownPrefix(secret), ...(expires === undefined ? {} : { expires }) },
    }
    const result = await resources.apply([document], { actor: request.caller.actor })
    if ('problems' in result)
      return reply.code(422).send({ error: { code: 'invalid_manifest', message: notMade(result.problems) }, problems: result.problems })
    const confirmed = await context.feed.acked(context.feed.version(), CONFIRM_MS)
    return reply.code(201).send({ secret, key: result.changes[0]?.after, confirmed })
  })

  api.post('/keys/:name/revoke', { config: { role: 'admin' } }, async (request) => {
    const { name } = request.params as { name: string }
    const namespace = (request.query as { namespace?: string }).namespace ?? 'default'
    const key = resources.get('ApiKey', namespace, name)
    if (!key) throw new StrataError('not_found', `There is no key ${JSON.stringify(name)}.`, { advice: 'See `strata keys list`.' })
    const { apiVersion, kind, metadata, spec } = key
    const document = {
      apiVersion,
      kind,
      metadata: { name, namespace, labels: metadata.labels, annotations: metadata.annotations },
      spec: { ...spec, revoked: true },
    }
    const result = await resources.apply([document], { actor: request.caller.actor })
    if ('problems' in result) throw new StrataError('conflict', 'The key could not be revoked.', { details: result.problems })
    const version = context.feed.version()
    const since = context.clock.monotonic()
    const confirmed = await context.feed.acked(version, CONFIRM_MS)
    const tookMs = Math.round(context.clock.monotonic() - since)
    const connected = context.feed.gateways().filter((gateway) => gateway.connected)
    return {
      key: result.changes[0]?.after,
      /** Every connected gateway refuses it from now on. */
      confirmed,
      /** How long that took, or how long it has been waited for. */
      tookMs,
      /** The snapshot in which it is gone: a gateway that runs this one or a later one refuses it. */
      snapshot: version,
      gateways: connected.map(({ id, version: runs, status }) => ({ id, confirmed: status === 'ack' && runs >= version })),
    }
  })
}

/** The document is ours: who asked for the key has no place in it to be shown, so the words say it all. */
function notMade(problems: readonly Problem[]): string {
  return `The key was not made: ${problems.map((problem) => `${formatPath(problem.path)}: ${formatProblem(problem)}`).join('; ')}.`
}
