/** The paths that every kind has. */
import { KINDS, type Kind } from '../../resources/index.ts'
import { answer, errors, json, namespace, type OpenApiDocument, path, query, reference } from './parts.ts'

export function pathsOfKind(kind: Kind): OpenApiDocument['paths'] {
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
    [`/${plural}/{name}/history`]: {
      get: {
        summary: 'Who changed it, when, from what to what',
        tags,
        operationId: `history${kind}`,
        parameters: [
          path('name', 'metadata.name'),
          namespace,
          query('before', 'Id of the last row of the page before.', 'integer'),
          query('limit', 'Default 100, at most 1000.', 'integer'),
        ],
        responses: {
          '200': answer('Newest first; also of one that is gone.', {
            type: 'object',
            properties: { items: { type: 'array', items: { type: 'object' } } },
          }),
          ...errors,
        },
      },
    },
  }
}
