/** List, read, write, delete and watch resources; apply many documents as one. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import { KIND_NAMES, KINDS, type Kind, type Resource } from '../../resources/index.ts'
import type { Problem } from '../../resources/problems.ts'
import { API_VERSION } from '../../resources/scalars.ts'
import type { ResourceChange, ResourceEvent } from '../../store/index.ts'
import type { ControlContext } from '../context.ts'
import { hostFolderRefusal } from '../host-folders.ts'
import { openStream } from './streams.ts'

type Query = Record<string, string | undefined>

export function registerResources(api: FastifyInstance, context: ControlContext): void {
  const { resources } = context.store

  api.post('/apply', async (request, reply) => {
    const { documents, dryRun, generations } = (request.body ?? {}) as { documents?: unknown; dryRun?: unknown; generations?: unknown }
    if (!Array.isArray(documents)) throw new StrataError('invalid_request', 'The body needs `documents`, a list.')
    if (generations !== undefined && !areGenerations(generations))
      throw new StrataError('invalid_request', '`generations` is a mapping of labels ("Route/assistant") to whole numbers.')
    const result = await write(request, documents, { dryRun: dryRun === true, generations })
    if ('problems' in result) return refuse(reply, result.problems)
    return { changes: result.changes }
  })

  api.get('/watch', (request, reply) => watch(request, reply, KIND_NAMES))

  for (const kind of KIND_NAMES) {
    const path = `/${KINDS[kind].plural}`
    api.get(path, (request, reply) => {
      const query = request.query as Query
      if (query.watch === 'true') return watch(request, reply, [kind])
      return {
        apiVersion: API_VERSION,
        kind: `${kind}List`,
        metadata: { resourceVersion: resources.resourceVersion() },
        items: resources.list(kind, query.namespace),
      }
    })
    api.get(`${path}/:name`, (request) => find(kind, request))
    api.put(`${path}/:name`, async (request, reply) => {
      const { name } = request.params as { name: string }
      const body = request.body as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } } | null
      const namespace = namespaceOf(request)
      if (body?.kind !== undefined && body.kind !== kind)
        throw new StrataError('invalid_request', `This is the place of a ${kind}, and the body's kind is ${JSON.stringify(body.kind)}.`)
      if (body?.metadata?.name !== undefined && body.metadata.name !== name)
        throw new StrataError(
          'invalid_request',
          `The path says ${JSON.stringify(name)} and metadata.name ${JSON.stringify(body.metadata.name)}.`,
        )
      const document =
        typeof body === 'object' && body !== null
          ? { ...body, metadata: { ...body.metadata, name, namespace: body.metadata?.namespace ?? namespace } }
          : body
      const result = await write(request, [document])
      if ('problems' in result) return refuse(reply, result.problems)
      const [change] = result.changes
      return reply.code(change?.action === 'create' ? 201 : 200).send(change?.after)
    })
    api.delete(`${path}/:name`, (request) => {
      const { name } = request.params as { name: string }
      const { resourceVersion } = request.query as Query
      return resources.delete(kind, namespaceOf(request), name, { actor: request.caller.actor, resourceVersion })
    })
  }

  /** Every write of a document that a caller has sent. */
  function write(
    { caller }: FastifyRequest,
    documents: readonly unknown[],
    options: { dryRun?: boolean; generations?: Record<string, number> } = {},
  ) {
    const permit = (changes: readonly ResourceChange[]) => {
      const refusal = hostFolderRefusal(caller, changes)
      if (refusal) throw refusal
    }
    return resources.apply(documents, { actor: caller.actor, permit, ...options })
  }

  function find(kind: Kind, request: FastifyRequest): Resource {
    const { name } = request.params as { name: string }
    const namespace = namespaceOf(request)
    const found = resources.get(kind, namespace, name)
    if (found) return found
    throw new StrataError(
      'not_found',
      `There is no ${kind} ${JSON.stringify(name)}${namespace === 'default' ? '' : ` in namespace ${namespace}`}.`,
    )
  }

  function watch(request: FastifyRequest, reply: FastifyReply, kinds: readonly Kind[]) {
    const query = request.query as Query
    const since = (request.headers['last-event-id'] as string | undefined) ?? query.resourceVersion
    const matches = ({ resource }: ResourceEvent) =>
      kinds.includes(resource.kind) && (query.namespace === undefined || resource.metadata.namespace === query.namespace)
    const held: ResourceEvent[] = []
    let deliver = (event: ResourceEvent): void => void held.push(event)
    // Before the head goes out, so that a version that is no longer known is answered with a status of its own.
    const stop = context.watch.follow(since ?? resources.resourceVersion(), (event) => {
      if (matches(event)) deliver(event)
    })
    const stream = openStream(request, reply, context.closing, () => ({
      type: 'BOOKMARK',
      resource: { metadata: { resourceVersion: resources.resourceVersion() } },
    }))
    stream.closed.addEventListener('abort', stop)
    deliver = (event) => stream.send(event, event.resource.metadata.resourceVersion)
    if (since === undefined)
      for (const kind of kinds) for (const resource of resources.list(kind, query.namespace)) deliver({ type: 'ADDED', resource })
    for (const event of held) deliver(event)
    return reply
  }
}

function areGenerations(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(Number.isSafeInteger)
}

function namespaceOf(request: FastifyRequest): string {
  return (request.query as Query).namespace ?? 'default'
}

/** Nobody reads more of them, and a manifest that is damaged all over can have more than an answer can hold. */
const MOST_PROBLEMS = 500

function refuse(reply: FastifyReply, problems: readonly Problem[]) {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const shown = problems.length > MOST_PROBLEMS ? `, of which ${MOST_PROBLEMS} are told` : ''
  const message = `${count}${shown}; nothing was applied.`
  return reply.code(422).send({ error: { code: 'invalid_manifest', message }, problems: problems.slice(0, MOST_PROBLEMS) })
}
