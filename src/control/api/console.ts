/** The web console from console/dist. It is one page: every address that is no file gets it, and it finds its way. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import { page } from '../page.ts'
import { sendError } from '../reply.ts'

const DIST = fileURLToPath(new URL('../../../console/dist', import.meta.url))

export function registerConsole(app: FastifyInstance, dist = DIST): void {
  app.register(fastifyStatic, {
    root: dist,
    wildcard: true,
    index: false,
    cacheControl: false,
    setHeaders: (reply, path) => {
      // Built files carry their hash in the name; the page itself names them and must be fresh.
      reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  app.get('/', (_request, reply) => sendPage(reply))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!
    const isPage = (request.method === 'GET' || request.method === 'HEAD') && !path.startsWith('/api/') && !path.startsWith('/assets/')
    if (isPage) return sendPage(reply)
    return sendError(reply, 404, new StrataError('not_found', `There is no ${request.method} ${path}.`, { advice: 'See /api/docs.' }))
  })

  function sendPage(reply: Parameters<typeof sendError>[0]) {
    if (existsSync(join(dist, 'index.html'))) return reply.sendFile('index.html')
    const body =
      '<p>The console has not been built here. In the folder of Strata:</p><pre>npm run build --workspace console</pre><p>Then load this page again. The API is there all the same: <a href="/api/docs">/api/docs</a></p>'
    return reply.code(503).type('text/html; charset=utf-8').send(page('No console yet', body))
  }
}
