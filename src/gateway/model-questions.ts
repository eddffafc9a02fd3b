/** Questions about a model that no model answers: which versions has it, does it answer, what goes in and out. */
import type { CompiledVersion } from '../resources/snapshot.ts'
import { entryKey } from '../resources/snapshot.ts'
import { answerError } from './answers.ts'
import { authenticate } from './authenticate.ts'
import { backendId } from './backends.ts'
import type { GatewayContext } from './context.ts'
import { header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import { type Choice, choose } from './routing.ts'
import type { Tables } from './snapshot/tables.ts'

/** The route and the version that a request for `model` gets; undefined when the client has been refused already. */
export function choiceFor(context: GatewayContext, exchange: Exchange, model: string): { choice: Choice; tables: Tables } | undefined {
  const tables = context.snapshots.tables()
  const caller = authenticate(tables, exchange, context.clock.latest())
  if ('status' in caller) {
    answerError(exchange, caller, header('www-authenticate', 'Bearer realm="strata"'))
    return undefined
  }
  const choice = choose(tables, caller, { model, headers: exchange.headers }, Math.random())
  if ('status' in choice) {
    answerError(exchange, choice)
    return undefined
  }
  return { choice, tables }
}

/** Whether a request would be answered now, as far as is known here. */
export function isReady(context: GatewayContext, tables: Tables, { namespace, name, source }: CompiledVersion): boolean {
  if (source.type === 'backend') return !source.down && !context.tracker.isEjected(backendId(namespace, source))
  const instances = tables.instancesByVersion.get(`${namespace}/${name}`) ?? []
  return instances.some(({ id, state }) => state === 'ready' && !context.tracker.isEjected(id))
}

/** The versions behind a choice: those that its route sends traffic to; the one alone that was asked for. */
export function versionsBehind(tables: Tables, { route, assigned, why }: Choice): CompiledVersion[] {
  if (why === 'pin') return [assigned]
  return route.targets.flatMap(({ version }) => tables.versions.get(entryKey.version(route.namespace, version)) ?? [])
}
