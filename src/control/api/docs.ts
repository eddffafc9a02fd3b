/** The API's description: OpenAPI for programs, a page for people. */
import type { FastifyInstance } from 'fastify'
import { docsPage } from '../docs-page.ts'
import { openApiDocument } from '../openapi/index.ts'

export function registerDocs(app: FastifyInstance): void {
  // Made when somebody asks: it costs as much as a tenth of control's start.
  app.get('/api/openapi.json', (_request, reply) => reply.type('application/json').send(JSON.stringify(openApiDocument())))
  app.get('/api/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(docsPage(openApiDocument())))
}
