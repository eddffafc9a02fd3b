/** `GET /v1/models` and `GET /v1/models/{id}`: the public names that the caller may use, and versions where it may pin them. */
import { type CompiledRoute, entryKey } from '../resources/snapshot.ts'
import { answerError, answerJson } from './answers.ts'
import { authenticate } from './authenticate.ts'
import type { GatewayContext } from './context.ts'
import { header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import { invalidRequest, notFound } from './errors.ts'
import { choose, usableModels } from './routing.ts'
import { routeOf, type Tables } from './snapshot/tables.ts'
import { serveStatus } from './tensorflow-endpoints.ts'

export function serveModels(context: GatewayContext, exchange: Exchange): void {
  const tables = context.snapshots.tables()
  const caller = authenticate(tables, exchange, context.clock.latest())
  if ('status' in caller) return answerError(exchange, caller, header('www-authenticate', 'Bearer realm="strata"'))
  if (exchange.path === '/v1/models') {
    const data = usableModels(tables, caller).map((name) => modelObject(tables, routeOf(tables, caller.key.namespace, name), name))
    return answerJson(exchange, 200, { object: 'list', data })
  }
  let id: string
  try {
    id = decodeURIComponent(exchange.path.slice('/v1/models/'.length))
  } catch {
    return answerError(exchange, invalidRequest('The model name in the path is not properly percent-encoded.', 'invalid_path'))
  }
  const choice = choose(tables, caller, { model: id, headers: {} }, 0)
  if ('status' in choice)
    return answerError(exchange, choice.status === 503 ? notFound(choice.message, 'model_not_found', 'model') : choice)
  if (choice.assigned.task === 'tensor') return serveStatus(context, exchange, tables, choice)
  answerJson(exchange, 200, modelObject(tables, choice.route, id))
}

function modelObject(tables: Tables, route: CompiledRoute | undefined, id: string) {
  const first = route ? tables.versions.get(entryKey.version(route.namespace, route.targets[0]?.version ?? '')) : undefined
  return { id, object: 'model', created: first?.created ?? 0, owned_by: 'strata' }
}
