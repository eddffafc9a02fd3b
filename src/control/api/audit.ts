import type { FastifyInstance } from 'fastify'
import { findKind } from '../../resources/index.ts'
import type { ControlContext } from '../context.ts'

/** `GET /audit?kind=&namespace=&name=&before=&limit=`: newest first; `before` is the id of the last row of the page before. */
export function registerAudit(api: FastifyInstance, context: ControlContext): void {
  api.get('/audit', { config: { role: 'admin' } }, async (request) => {
    const { kind, namespace, name, before, limit } = request.query as Record<string, string | undefined>
    const items = await context.store.audit.list({
      kind: kind === undefined ? undefined : (findKind(kind) ?? kind),
      namespace,
      name,
      before: before !== undefined && /^\d+$/.test(before) ? Number(before) : undefined,
      limit: Math.min(1_000, Math.max(1, Number(limit) || 100)),
    })
    return { items }
  })
}
