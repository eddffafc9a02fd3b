/**
 * The console's port: API, console and the same-origin way to the gateway. This file is the frame that every request passes: headers, the
 * checks of guard.ts, who is asking, how errors look. What is answered stands in api/.
 */
import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { hostname } from 'node:os'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { StrataError } from '../kernel/errors.ts'
import { isDeeperThan } from '../kernel/json-depth.ts'
import type { Role } from '../store/index.ts'
import { registerAudit } from './api/audit.ts'
import { registerConsole } from './api/console.ts'
import { registerDocs } from './api/docs.ts'
import { registerExperiments } from './api/experiments.ts'
import { registerGatewayProxy } from './api/gateway-proxy.ts'
import { registerInstances } from './api/instances.ts'
import { registerKeys } from './api/keys.ts'
import { registerLimitStates } from './api/limit-states.ts'
import { registerLogin } from './api/login.ts'
import { registerRequests } from './api/requests.ts'
import { registerResources } from './api/resources.ts'
import { registerRollouts } from './api/rollouts.ts'
import { registerScaling } from './api/scaling.ts'
import { registerStatus } from './api/status.ts'
import { registerTokens } from './api/tokens.ts'
import { registerTraffic } from './api/traffic.ts'
import { registerUsage } from './api/usage.ts'
import type { ControlContext } from './context.ts'
import { allowedHosts, headProblem, isForgeable, isHostAllowed, parameterProblem } from './guard.ts'
import { type Caller, createIdentify, mayAct } from './identify.ts'
import { PREFIX, sendError } from './reply.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every request that a handler below /api/v1alpha1 sees. */
    caller: Caller
  }
  interface FastifyContextConfig {
    /** Least role that may call this. Default: viewer to read, editor to write. */
    role?: Role
  }
}

const MOST_BODY_BYTES = 16 * 1024 * 1024

/** Nothing from elsewhere, and nobody may frame us. Styles may be inline: the console's component library sets them on elements. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

/** Levels of lists and mappings. Manifests have a dozen. */
const DEEPEST_BODY = 64

const SLOWEST_REQUEST_MS = 60_000
const HTTP = {
  headersTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  // Looked at in `headProblem`, so that it is told in our shape.
  requireHostHeader: false,
}

/** What does not speak HTTP is told so in our shape, where there is still somebody to tell. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The head of the request is too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request did not arrive in time.']
        : ['400 Bad Request', 'This is not a proper HTTP/1.1 request.']
  const body = JSON.stringify({ error: { code: 'malformed_request', message } })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

export interface Tls {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

export function createServer(context: ControlContext, tls?: Tls): FastifyInstance {
  const app = Fastify({
    ...(tls ? { https: { ...tls, ...HTTP } } : { http: HTTP }),
    bodyLimit: MOST_BODY_BYTES,
    // For a request to arrive; an answer may stream for as long as it likes.
    requestTimeout: SLOWEST_REQUEST_MS,
    connectionTimeout: 0,
    clientErrorHandler: refuseMalformed,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: (error, _request, reply) => void sendError(reply, 400, new StrataError('invalid_request', error.message)),
  }) as unknown as FastifyInstance
  // Who asks before sending a body gets the answer that the body would get, and is spared the rest.
  app.server.on('checkContinue', (req, res) => {
    if (Number(req.headers['content-length'] ?? 0) <= MOST_BODY_BYTES) res.writeContinue()
    app.routing(req, res)
  })
  app.server.on('checkExpectation', (req, res) => app.routing(req, res))
  const hosts = allowedHosts({ host: context.listen.host, machine: hostname(), extra: process.env.STRATA_ALLOWED_HOSTS })
  const identify = createIdentify(context)

  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    // Decoded all the same, it would be kept with U+FFFD in its texts.
    if (!isUtf8(bytes)) return done(new StrataError('invalid_request', 'The body is not valid UTF-8.', { advice: 'Send it as UTF-8.' }))
    parseJson(request, bytes.toString('utf8'), (error, body) => {
      if (!error && isDeeperThan(DEEPEST_BODY, body))
        return done(new StrataError('invalid_request', `The body is nested more than ${DEEPEST_BODY} levels deep.`))
      done(error, body)
    })
  })

  app.decorateRequest('caller')
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    const { rawHeaders, httpVersion } = request.raw
    const route = request.routeOptions.url
    const problem = headProblem({ rawHeaders, httpVersion, url: request.url, route, apiPrefix: `${PREFIX}/` })
    if (problem) return sendError(reply, 400, new StrataError('malformed_request', problem))
    const { expect, 'content-encoding': encoding } = request.headers
    if (expect !== undefined && expect.toLowerCase() !== '100-continue')
      return sendError(reply, 417, new StrataError('expectation_failed', 'That expectation cannot be met.'))
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
      return sendError(
        reply,
        415,
        new StrataError('unsupported_content_encoding', 'A body that is encoded is not accepted; send it as it is.'),
      )
    if (!isHostAllowed(request.headers.host, hosts))
      return sendError(
        reply,
        421,
        new StrataError('wrong_host', `Strata does not answer for the host ${JSON.stringify(request.headers.host ?? '')}.`, {
          advice: 'Open it by its IP address or as localhost, or name the host in STRATA_ALLOWED_HOSTS.',
        }),
      )
    // By the route that answers, not by how its path was written; what no route answers goes by the path.
    const isApi = (route === undefined || route === '/*' ? request.url : route).startsWith(`${PREFIX}/`)
    const caller = isApi ? await identify(request.headers) : undefined
    const forgeable = isForgeable({
      method: request.method,
      host: request.headers.host,
      origin: request.headers.origin,
      site: request.headers['sec-fetch-site'] as string | undefined,
      byCookie: caller?.by === 'cookie',
    })
    if (forgeable)
      return sendError(
        reply,
        403,
        new StrataError('cross_site', 'A page from elsewhere may not change anything here.', {
          advice: "Use Strata's own console or a token.",
        }),
      )
    if (!isApi) return
    if (!caller)
      return sendError(
        reply,
        401,
        new StrataError(
          'unauthorized',
          request.headers.authorization
            ? 'This token is not known, or has expired.'
            : 'Who is asking? There is neither a token nor a session.',
          {
            advice: 'Run `strata login` for the console, or send `Authorization: Bearer <token>`.',
          },
        ),
      )
    const needed = request.routeOptions.config.role ?? (request.method === 'GET' || request.method === 'HEAD' ? 'viewer' : 'editor')
    if (!mayAct(caller.role, needed))
      return sendError(
        reply,
        403,
        new StrataError('forbidden', `This takes the role ${needed}; ${caller.actor} is ${caller.role}.`, {
          advice: 'Ask an admin for a token with that role.',
        }),
      )
    request.caller = caller
  })

  app.addHook('preValidation', async (request) => {
    const problem = parameterProblem({ ...(request.query as object), ...(request.params as object) })
    if (problem) throw new StrataError('invalid_request', problem)
  })

  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => answerError(context, error, request, reply))

  registerDocs(app)
  registerLogin(app, context)
  app.register(
    async (api) => {
      registerStatus(api, context)
      registerResources(api, context)
      registerInstances(api, context)
      registerRollouts(api, context)
      registerScaling(api, context)
      registerExperiments(api, context)
      registerKeys(api, context)
      registerTokens(api, context)
      registerAudit(api, context)
      registerTraffic(api, context)
      registerRequests(api, context)
      registerUsage(api, context)
      registerLimitStates(api, context)
      registerGatewayProxy(api, context)
    },
    { prefix: PREFIX },
  )
  registerConsole(app)
  return app
}

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  not_found: 404,
  conflict: 409,
  wrong_phase: 409,
  in_use: 409,
  expired: 410,
  invalid_manifest: 422,
  invalid_request: 400,
  forbidden: 403,
  gateway_unreachable: 502,
  disk_full: 507,
  read_only: 507,
  not_writable: 507,
}

function answerError(context: ControlContext, error: Error & { statusCode?: number }, request: FastifyRequest, reply: FastifyReply) {
  if (error instanceof StrataError && STATUS_OF_CODE[error.code] !== undefined) return sendError(reply, STATUS_OF_CODE[error.code]!, error)
  const status = error.statusCode ?? 500
  if (status < 500) return sendError(reply, status, new StrataError(status === 413 ? 'too_large' : 'invalid_request', error.message))
  context.log.error('a request failed', { method: request.method, path: request.url.split('?')[0], error: error.stack ?? error.message })
  return sendError(
    reply,
    500,
    new StrataError('internal', 'Something went wrong in control; its log says what.', { advice: 'See `strata logs --process control`.' }),
  )
}
