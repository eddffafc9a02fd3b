/** The API's description: OpenAPI for programs, a page for people. */
import type { FastifyInstance } from 'fastify'
import { docsPage } from '../docs-page.ts'
import { openApiDocument } from '../openapi.ts'

export function registerDocs(app: FastifyInstance): void {
  const document = openApiDocument()
  app.get('/api/openapi.json', (_request, reply) => reply.type('application/json').send(JSON.stringify(document)))
  app.get('/api/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(docsPage(document)))
}
