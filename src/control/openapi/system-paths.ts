/** The paths that are not of one kind: apply, keys, status, traffic, identity. */
import { z } from 'zod'
import { answer, errors, json, namespace, type OpenApiDocument, path, query, reference, role, schema, secretOnce, stream } from './parts.ts'
import { requestPaths } from './request-paths.ts'

export function systemPaths(): OpenApiDocument['paths'] {
  const change = {
    type: 'object',
    properties: {
      label: { type: 'string', examples: ['Route/assistant'] },
      action: { enum: ['create', 'change', 'unchanged'] },
      before: { type: 'object' },
      after: { type: 'object' },
    },
  }
  const identity = z.object({ actor: z.string(), role, by: z.enum(['token', 'cookie']) })
  return {
    '/apply': {
      post: {
        summary: 'Apply documents: all of them or none',
        tags: ['Apply'],
        operationId: 'apply',
        requestBody: {
          required: true,
          content: json(
            schema(
              z.object({
                documents: z.array(z.unknown()),
                dryRun: z.boolean().optional(),
                generations: z
                  .record(z.string(), z.number().int())
                  .optional()
                  .meta({ description: 'The resource of a label ("Route/assistant") must still be at this generation.' }),
              }),
            ),
          ),
        },
        responses: {
          '200': answer('What changed, or with `dryRun` what would.', {
            type: 'object',
            properties: { changes: { type: 'array', items: change } },
          }),
          '409': answer(
            'A document carries an old `metadata.resourceVersion`, or a resource is not at the generation that `generations` names.',
            reference('Error'),
          ),
          '422': answer('Nothing was applied; all problems of all documents.', reference('Problems')),
          ...errors,
          '403': answer(
            'As everywhere, and where an editor gives a container a folder of the machine: `details.folders` says which.',
            reference('Error'),
          ),
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
              tookMs: { type: 'integer', description: 'How long that took, or how long it was waited for.' },
              snapshot: { type: 'integer', description: 'A gateway that runs this snapshot or a later one refuses the key.' },
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
    '/rollouts/{name}/{action}': {
      post: {
        summary: 'Tell a release what to do',
        tags: ['Releases'],
        operationId: 'actOnRollout',
        parameters: [
          path('name', 'Name of the Rollout'),
          path('action', '`pause`, `resume`, `promote` (one step), `promote-full`, `abort`, `retry` or `undo`'),
          namespace,
        ],
        responses: {
          '200': answer('Done. `confirmed`: every connected gateway has the weights that follow, within a second.', {
            type: 'object',
            properties: {
              rollout: reference('Rollout'),
              confirmed: { type: 'boolean' },
              tookMs: { type: 'integer', description: 'How long that took, or how long it was waited for.' },
            },
          }),
          '404': answer('There is none of that name, or no such action.', reference('Error')),
          '409': answer('It cannot do that in its present phase.', reference('Error')),
          ...errors,
        },
      },
    },
    '/experiments/{name}/stop': {
      post: {
        summary: 'End an experiment before it is decided',
        tags: ['Releases'],
        operationId: 'stopExperiment',
        parameters: [path('name', 'Name of the Experiment'), namespace],
        responses: {
          '200': answer('Done: it is inconclusive. `confirmed`: every connected gateway divides nobody any more, within a second.', {
            type: 'object',
            properties: { experiment: reference('Experiment'), confirmed: { type: 'boolean' } },
          }),
          '404': answer('There is none of that name.', reference('Error')),
          '409': answer('It is decided already.', reference('Error')),
          ...errors,
        },
      },
    },
    '/experiments/{name}/report': {
      get: {
        summary: 'What an experiment has asked and found, as one HTML page',
        tags: ['Releases'],
        operationId: 'reportExperiment',
        parameters: [path('name', 'Name of the Experiment'), namespace],
        responses: {
          '200': stream('The page. It has no script and loads nothing.', 'text/html', { type: 'string' }),
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
    '/instances/{id}/logs': {
      get: {
        summary: 'What an instance has printed last (editor)',
        tags: ['Status'],
        operationId: 'instanceLogs',
        parameters: [path('id', 'As `/status` names it.'), query('lines', 'Default 200, at most 10000.', 'integer')],
        responses: {
          '200': answer('Oldest first.', { type: 'object', properties: { lines: { type: 'array', items: { type: 'string' } } } }),
          '404': answer('There is none of that id.', reference('Error')),
          ...errors,
        },
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
    ...requestPaths(),
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
          query('actor', 'Only by this one.'),
          query('action', 'Only `create`, `change`, `delete`, `token` or `login`.'),
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
        requestBody: {
          required: true,
          content: json(
            schema(
              z.object({
                role: role.optional(),
                name: z
                  .string()
                  .optional()
                  .meta({ description: 'Whom it is for: what they do stands in the audit log as "console/<name>".' }),
              }),
            ),
          ),
        },
        responses: { '201': answer('Opens once, within 24 hours.', schema(z.object({ url: z.string() }))), ...errors },
      },
    },
    '/sessions': {
      get: {
        summary: 'List who is signed in to the console (admin)',
        tags: ['Identity'],
        operationId: 'listSessions',
        responses: {
          '200': answer(
            'Newest first. `own`: the one that asks.',
            schema(
              z.object({
                items: z.array(
                  z.object({ id: z.string(), actor: z.string(), role, createdAt: z.number(), expiresAt: z.number(), own: z.boolean() }),
                ),
              }),
            ),
          ),
          ...errors,
        },
      },
    },
    '/sessions/{id}': {
      delete: {
        summary: 'End a session of the console (admin)',
        tags: ['Identity'],
        operationId: 'endSession',
        parameters: [path('id', 'Its id')],
        responses: { '200': answer('Ended.'), '404': answer('There is none.', reference('Error')), ...errors },
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
