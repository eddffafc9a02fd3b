/**
 * The console's way to the gateway: same origin for the browser, consumer "console" for the gateway. Nothing is buffered in either
 * direction, and a browser that goes away aborts the request at the gateway.
 */
import type { FastifyInstance } from 'fastify'
import { Agent } from 'undici'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import { trustOwnCertificate } from '../../kernel/own-certificate.ts'
import type { ControlContext } from '../context.ts'
import { PREFIX, sendError } from '../reply.ts'

/** A streamed answer may be silent for as long as the longest route allows; the gateway has its own time-outs. */
const SILENCE_MS = 0
const PASSED_ON = ['content-type', 'accept', 'x-request-id', 'x-user-id']
/** Hop-by-hop (RFC 9110 section 7.6.1), and what would weaken our own headers. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'trailer',
  'set-cookie',
  'access-control-allow-origin',
])

export function registerGatewayProxy(api: FastifyInstance, context: ControlContext): void {
  const agent = new Agent({
    connections: 64,
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    connect: { timeout: 3_000, ...(context.tlsCertFile ? trustOwnCertificate(context.tlsCertFile) : {}) },
  })
  api.addHook('onClose', () => agent.destroy())

  api.register(async (proxy) => {
    proxy.removeAllContentTypeParsers()
    proxy.addContentTypeParser('*', (_request, _payload, done) => done(null))
    proxy.route({
      method: ['GET', 'POST'],
      url: '/gateway/*',
      handler: async (request, reply) => {
        const path = request.url.slice(`${PREFIX}/gateway`.length)
        const headers: Record<string, string> = { authorization: `Bearer ${context.credentials.consoleKey}` }
        for (const name of PASSED_ON) {
          const value = request.headers[name]
          if (typeof value === 'string') headers[name] = value
        }
        const length = request.headers['content-length']
        if (length !== undefined) headers['content-length'] = length
        const gone = new AbortController()
        reply.raw.on('close', () => gone.abort())
        context.closing.addEventListener('abort', () => gone.abort(), { once: true, signal: gone.signal })
        try {
          const answer = await agent.request({
            origin: context.gatewayUrl,
            path,
            method: request.method as 'GET' | 'POST',
            headers,
            body: request.method === 'POST' ? request.raw : null,
            signal: gone.signal,
          })
          reply.code(answer.statusCode)
          for (const [name, value] of Object.entries(answer.headers))
            if (value !== undefined && !DROPPED.has(name)) reply.header(name, value)
          answer.body.on('error', () => reply.raw.destroy()) // cut by the gateway, or by us because the browser went away
          return reply.send(answer.body)
        } catch (error) {
          if (gone.signal.aborted) return reply
          return sendError(
            // Some of the body may not have been read: on this connection it would stand before the next request, for ever.
            reply.header('connection', 'close'),
            502,
            new StrataError('gateway_unreachable', `The gateway at ${context.gatewayUrl} does not answer: ${messageOf(error)}.`, {
              advice: 'See `strata status`.',
            }),
          )
        }
      },
    })
  })
}
