/** Who changed what: the whole log for admins, and for everybody who may read a resource what became of that one. */
import type { FastifyInstance } from 'fastify'
import { findKind, KIND_NAMES, KINDS } from '../../resources/index.ts'
import type { AuditFilter } from '../../store/audit.ts'
import type { ControlContext } from '../context.ts'

type Query = Record<string, string | undefined>

export function registerAudit(api: FastifyInstance, context: ControlContext): void {
  const { audit } = context.store

  /** Newest first; `before` is the id of the last row of the page before. */
  api.get('/audit', { config: { role: 'admin' } }, async (request) => {
    const query = request.query as Query
    const { kind, namespace, name, actor, action } = query
    return {
      items: await audit.list({
        kind: kind === undefined ? undefined : (findKind(kind) ?? kind),
        namespace,
        name,
        actor,
        action,
        ...pageOf(query),
      }),
    }
  })

  for (const kind of KIND_NAMES)
    api.get(`/${KINDS[kind].plural}/:name/history`, async (request) => {
      const { name } = request.params as { name: string }
      const query = request.query as Query
      return { items: await audit.list({ kind, namespace: query.namespace ?? 'default', name, ...pageOf(query) }) }
    })
}

function pageOf({ before, limit }: Query): Pick<AuditFilter, 'before' | 'limit'> {
  return {
    before: before !== undefined && /^\d{1,15}$/.test(before) ? Number(before) : undefined,
    limit: Math.min(1_000, Math.max(1, Number(limit) || 100)),
  }
}
