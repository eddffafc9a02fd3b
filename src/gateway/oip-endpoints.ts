/** The paths of the Open Inference Protocol v2 (REST), as the protocol lays them out. */
import { programVersion } from '../kernel/program-version.ts'
import { BINARY_EXTENSION } from '../wire/oip/binary.ts'
import { answerError, answerJson, answerText } from './answers.ts'
import type { GatewayContext } from './context.ts'
import type { Exchange } from './downstream/exchange.ts'
import { invalidRequest, notFound, unavailable } from './errors.ts'
import { choiceFor, isReady, versionsBehind } from './model-questions.ts'
import { nameOf, OIP, oipEndpoint } from './protocols/oip.ts'
import type { Endpoint } from './protocols/protocol.ts'

/** What stands at a path: a model to be asked, or something to be read. */
export type At = { readonly ask: Endpoint } | { readonly read: (context: GatewayContext, exchange: Exchange) => void }

const VERSION = programVersion()
const MODEL = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(\/ready|\/infer)?\/?$/

/** Undefined for a path that is none of the protocol's. */
export function oipAt(exchange: Exchange): At | undefined {
  const { path } = exchange
  if (path !== '/v2' && !path.startsWith('/v2/')) return undefined
  exchange.dialect = OIP
  if (path === '/v2' || path === '/v2/') return { read: serveServer }
  if (path === '/v2/health/live') return { read: (_, asked) => answerText(asked, 200, '', 'text/plain') }
  if (path === '/v2/health/ready') return { read: serveReady }
  const [, model, version, what] = MODEL.exec(path) ?? []
  if (model === undefined) return { read: serveNothing }
  let named: string
  try {
    named = decodeURIComponent(model) + (version === undefined ? '' : `@${decodeURIComponent(version)}`)
  } catch {
    return { read: (_, asked) => answerError(asked, invalidRequest('The path is not properly percent-encoded.', 'invalid_path')) }
  }
  if (what === '/infer') return { ask: oipEndpoint(named) }
  return { read: (context, asked) => (what === '/ready' ? serveModelReady : serveModel)(context, asked, named) }
}

function serveServer(_: GatewayContext, exchange: Exchange): void {
  answerJson(exchange, 200, { name: 'strata', version: VERSION, extensions: [BINARY_EXTENSION] })
}

function serveReady({ snapshots }: GatewayContext, exchange: Exchange): void {
  if (snapshots.status().source !== 'none') return answerText(exchange, 200, '', 'text/plain')
  answerError(exchange, unavailable('The gateway waits for its first snapshot from control.', 'not_ready'))
}

function serveNothing(_: GatewayContext, exchange: Exchange): void {
  const { path } = exchange
  const advice = 'Here are /v2, /v2/health/live, /v2/health/ready and /v2/models/NAME[/versions/VERSION][/infer|/ready].'
  answerError(exchange, notFound(`There is nothing at ${path.slice(0, 100)}. ${advice}`, 'unknown_url'))
}

function serveModelReady(context: GatewayContext, exchange: Exchange, model: string): void {
  const found = choiceFor(context, exchange, model)
  if (!found) return
  if (versionsBehind(found.tables, found.choice).some((version) => isReady(context, found.tables, version)))
    return answerText(exchange, 200, '', 'text/plain')
  answerError(exchange, unavailable(`The model "${model}" is not ready.`, 'not_ready'))
}

function serveModel(context: GatewayContext, exchange: Exchange, model: string): void {
  const found = choiceFor(context, exchange, model)
  if (!found) return
  const { source } = found.choice.assigned
  const { inputs, outputs } = (source.type !== 'engine' && source.signature) || { inputs: [], outputs: [] }
  answerJson(exchange, 200, {
    name: nameOf(model),
    versions: versionsBehind(found.tables, found.choice).map(({ version }) => version),
    platform: source.type === 'engine' ? 'strata' : source.protocol,
    inputs,
    outputs,
  })
}
