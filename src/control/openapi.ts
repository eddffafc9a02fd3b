/** The control API as an OpenAPI 3.1 document. Schemas of resources come from zod; the rest is said here, once. */
import { z } from 'zod'
import { requestRecord } from '../monitoring/request-records.ts'
import { KIND_NAMES, KINDS, type Kind } from '../resources/index.ts'
import { jsonSchemaOf } from '../resources/json-schema.ts'
import { ROLES } from '../store/identity.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description?: string
  readonly schema: unknown
}
type Content = Readonly<Record<string, { readonly schema: unknown }>>
export interface Operation {
  readonly summary: string
  readonly tags: readonly string[]
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}
export interface OpenApiDocument {
  readonly openapi: string
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  readonly servers: readonly { readonly url: string }[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<string, unknown>>
}

const schema = (type: z.ZodType) => {
  const { $schema: _, ...rest } = z.toJSONSchema(type, { io: 'input' })
  return rest
}
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (of: unknown): Content => ({ 'application/json': { schema: of } })
const answer = (description: string, of?: unknown) => ({ description, ...(of === undefined ? {} : { content: json(of) }) })
const query = (name: string, description: string, type = 'string'): Parameter => ({ name, in: 'query', description, schema: { type } })
const path = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
})
const namespace = query('namespace', 'Default: `default`.')

const error = z.object({
  error: z.object({ code: z.string(), message: z.string(), advice: z.string().optional(), details: z.unknown().optional() }),
})
const problems = error.extend({
  problems: z.array(
    z.object({
      document: z.number().int().meta({ description: 'Index in `documents`.' }),
      path: z.array(z.union([z.string(), z.number()])),
      message: z.string(),
      expected: z.string().optional(),
      suggestion: z.string().optional(),
    }),
  ),
})
const role = z.enum(ROLES)
const secretOnce = z.string().meta({ description: 'Shown this once; only its hash is kept.' })

const errors = {
  '401': answer('No token and no session, or one that is not known.', reference('Error')),
  '403': answer('The role does not allow it, or a page from elsewhere asks.', reference('Error')),
}

export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Strata control API',
      version: 'v1alpha1',
      description:
        'Resources, keys, status and traffic of one system. Roles: viewer reads, editor writes resources, admin also makes keys and tokens and reads the audit.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1alpha1' }],
    security: [{ token: [] }, { session: [] }],
    paths: { ...Object.assign({}, ...KIND_NAMES.map(pathsOfKind)), ...otherPaths() },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'strata_session_7401', description: 'Set by a login link; the number is the port.' },
      },
      schemas: {
        ...Object.fromEntries(KIND_NAMES.map((kind) => [kind, withoutDialect(jsonSchemaOf(kind))])),
        RequestRecord: schema(requestRecord),
        Error: schema(error),
        Problems: schema(problems),
      },
    },
  }
}

function withoutDialect(of: object): object {
  const { $schema: _, ...rest } = of as { $schema?: string }
  return rest
}

function pathsOfKind(kind: Kind): OpenApiDocument['paths'] {
  const { plural } = KINDS[kind]
  const tags = [kind]
  const one = reference(kind)
  const list = {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { const: `${kind}List` },
      metadata: { type: 'object', properties: { resourceVersion: { type: 'string' } } },
      items: { type: 'array', items: one },
    },
  }
  const missing = { '404': answer('There is none of that name.', reference('Error')) }
  return {
    [`/${plural}`]: {
      get: {
        summary: `List, or watch from a resourceVersion on`,
        tags,
        operationId: `list${kind}`,
        parameters: [
          query('namespace', 'Only this one. Default: all.'),
          query(
            'watch',
            '`true`: a stream of `{ type: ADDED | MODIFIED | DELETED | BOOKMARK, resource }`, as NDJSON or, by `Accept`, as server-sent events.',
          ),
          query(
            'resourceVersion',
            'Where to begin watching. Without it everything that is there comes first. 410 when it is too long ago.',
          ),
        ],
        responses: { '200': answer('All of them, by name.', list), '410': answer('List again.', reference('Error')), ...errors },
      },
    },
    [`/${plural}/{name}`]: {
      get: {
        summary: 'Read one',
        tags,
        operationId: `read${kind}`,
        parameters: [path('name', 'metadata.name'), namespace],
        responses: { '200': answer('It.', one), ...missing, ...errors },
      },
      put: {
        summary: 'Create or change one',
        tags,
        operationId: `write${kind}`,
        parameters: [path('name', 'metadata.name'), namespace],
        requestBody: { required: true, content: json(one) },
        responses: {
          '200': answer('Changed, or as it was.', one),
          '201': answer('Created.', one),
          '409': answer('It has changed since the `metadata.resourceVersion` in the body.', reference('Error')),
          '422': answer('It is not valid; all problems at once.', reference('Problems')),
          ...errors,
        },
      },
      delete: {
        summary: 'Delete one',
        tags,
        operationId: `delete${kind}`,
        parameters: [path('name', 'metadata.name'), namespace, query('resourceVersion', 'Only if it is still at this one.')],
        responses: {
          '200': answer('It was this.', one),
          '409': answer('Others refer to it; `details.referrers` lists them.', reference('Error')),
          ...missing,
          ...errors,
        },
      },
    },
  }
}

function otherPaths(): OpenApiDocument['paths'] {
  const change = {
    type: 'object',
    properties: {
      label: { type: 'string', examples: ['Route/assistant'] },
      action: { enum: ['create', 'change', 'unchanged'] },
      before: { type: 'object' },
      after: { type: 'object' },
    },
  }
  const stream = (description: string, type: string, of: unknown) => ({ description, content: { [type]: { schema: of } } })
  const identity = z.object({ actor: z.string(), role, by: z.enum(['token', 'cookie']) })
  return {
    '/apply': {
      post: {
        summary: 'Apply documents: all of them or none',
        tags: ['Apply'],
        operationId: 'apply',
        requestBody: {
          required: true,
          content: json(schema(z.object({ documents: z.array(z.unknown()), dryRun: z.boolean().optional() }))),
        },
        responses: {
          '200': answer('What changed, or with `dryRun` what would.', {
            type: 'object',
            properties: { changes: { type: 'array', items: change } },
          }),
          '409': answer('A document carries an old `metadata.resourceVersion`.', reference('Error')),
          '422': answer('Nothing was applied; all problems of all documents.', reference('Problems')),
          ...errors,
        },
      },
    },
    '/watch': {
      get: {
        summary: 'Watch all kinds',
        tags: ['Apply'],
        operationId: 'watch',
        parameters: [query('resourceVersion', 'Where to begin.'), query('namespace', 'Only this one.')],
        responses: {
          '200': stream('One line an event.', 'application/x-ndjson', { type: 'object' }),
          '410': answer('List again.', reference('Error')),
          ...errors,
        },
      },
    },
    '/keys': {
      post: {
        summary: 'Make an API key (admin)',
        tags: ['Keys'],
        operationId: 'createKey',
        requestBody: {
          required: true,
          content: json(
            schema(
              z.object({
                consumer: z.string(),
                name: z.string().optional(),
                expires: z.string().optional(),
                namespace: z.string().optional(),
              }),
            ),
          ),
        },
        responses: {
          '201': answer('The key.', {
            type: 'object',
            properties: {
              secret: schema(secretOnce),
              key: reference('ApiKey'),
              confirmed: { type: 'boolean', description: 'Every connected gateway knows it.' },
            },
          }),
          '422': answer('Not made.', reference('Problems')),
          ...errors,
        },
      },
    },
    '/keys/{name}/revoke': {
      post: {
        summary: 'Revoke an API key (admin)',
        tags: ['Keys'],
        operationId: 'revokeKey',
        parameters: [path('name', 'Name of the ApiKey'), namespace],
        responses: {
          '200': answer('Revoked. `confirmed`: every connected gateway said so within a second.', {
            type: 'object',
            properties: {
              key: reference('ApiKey'),
              confirmed: { type: 'boolean' },
              gateways: {
                type: 'array',
                items: { type: 'object', properties: { id: { type: 'string' }, confirmed: { type: 'boolean' } } },
              },
            },
          }),
          '404': answer('There is none of that name.', reference('Error')),
          ...errors,
        },
      },
    },
    '/status': {
      get: {
        summary: 'The whole system at a glance',
        tags: ['Status'],
        operationId: 'status',
        responses: { '200': answer('Processes, gateways, versions, warnings.', { type: 'object' }), ...errors },
      },
    },
    '/traffic': {
      get: {
        summary: "The last minute's traffic",
        tags: ['Status'],
        operationId: 'traffic',
        responses: {
          '200': stream('Once; with `Accept: text/event-stream` an event a second.', 'application/json', { type: 'object' }),
          ...errors,
        },
      },
    },
    '/requests': {
      get: {
        summary: 'Recent requests, and those that come',
        tags: ['Status'],
        operationId: 'requests',
        parameters: [
          query('follow', '`true`: goes on.'),
          query('limit', 'Of what is there already. Default 100, at most 2000.', 'integer'),
          query('type', '`started` or `finished`.'),
          ...['id', 'namespace', 'route', 'consumer', 'outcome'].map((name) => query(name, 'Only these.')),
          query('version', 'Assigned to or served by.'),
        ],
        responses: { '200': stream('One line a record.', 'application/x-ndjson', reference('RequestRecord')), ...errors },
      },
    },
    '/gateway/{path}': {
      post: {
        summary: "Call the gateway as consumer `console`, with the gateway's own paths",
        tags: ['Status'],
        operationId: 'gateway',
        parameters: [path('path', 'e.g. `v1/chat/completions`')],
        responses: {
          '200': answer("The gateway's answer, streamed through."),
          '502': answer('The gateway does not answer.', reference('Error')),
          ...errors,
        },
      },
    },
    '/audit': {
      get: {
        summary: 'Who changed what, when (admin)',
        tags: ['Identity'],
        operationId: 'audit',
        parameters: [
          query('kind', 'Only these.'),
          namespace,
          query('name', 'Only this one.'),
          query('before', 'Id of the last row of the page before.', 'integer'),
          query('limit', 'Default 100, at most 1000.', 'integer'),
        ],
        responses: {
          '200': answer('Newest first.', { type: 'object', properties: { items: { type: 'array', items: { type: 'object' } } } }),
          ...errors,
        },
      },
    },
    '/session': {
      get: {
        summary: 'Who am I?',
        tags: ['Identity'],
        operationId: 'session',
        responses: { '200': answer('You.', schema(identity)), ...errors },
      },
    },
    '/logout': {
      post: {
        summary: 'End the console session',
        tags: ['Identity'],
        operationId: 'logout',
        responses: { '204': answer('Ended.'), ...errors },
      },
    },
    '/login-links': {
      post: {
        summary: 'Make a one-time login link for the console (admin)',
        tags: ['Identity'],
        operationId: 'createLoginLink',
        requestBody: { required: true, content: json(schema(z.object({ role: role.optional() }))) },
        responses: { '201': answer('Opens once, within 24 hours.', schema(z.object({ url: z.string() }))), ...errors },
      },
    },
    '/tokens': {
      get: {
        summary: 'List tokens (admin)',
        tags: ['Identity'],
        operationId: 'listTokens',
        responses: { '200': answer('Names and roles.', { type: 'object' }), ...errors },
      },
      post: {
        summary: 'Make a token (admin)',
        tags: ['Identity'],
        operationId: 'createToken',
        requestBody: { required: true, content: json(schema(z.object({ name: z.string(), role, expires: z.string().optional() }))) },
        responses: {
          '201': answer('The token.', schema(z.object({ secret: secretOnce, name: z.string(), role }))),
          '409': answer('There is one of that name.', reference('Error')),
          ...errors,
        },
      },
    },
    '/tokens/{name}': {
      delete: {
        summary: 'Delete a token (admin)',
        tags: ['Identity'],
        operationId: 'deleteToken',
        parameters: [path('name', 'Its name')],
        responses: { '200': answer('Gone.'), '404': answer('There is none.', reference('Error')), ...errors },
      },
    },
  }
}
