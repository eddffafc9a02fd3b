/** The paths that tell of requests: their records, what consumers used, what is left of limits. */
import { answer, errors, type OpenApiDocument, type Parameter, path, query, reference, stream } from './parts.ts'

const filters: readonly Parameter[] = [
  ...['namespace', 'route', 'model', 'consumer', 'key', 'assigned', 'served', 'instance', 'error'].map((name) =>
    query(name, 'Only these.'),
  ),
  query('id', "A part of Strata's request id, or of the client's own; of feedback, of the request's that it is about too."),
  query('version', 'Assigned to or served by this ModelVersion.'),
  query('outcome', 'One or several, with commas; `failed` is all but `ok`.'),
  query('status', '`429`, `5xx`; one or several, with commas.'),
  query('refusedBy', 'The Limit that refused.'),
  query('slowerThan', 'Took at least so long: `800ms`, `2s`.'),
  query('since', 'A time, or a duration back from now: `1h`.'),
  query('from', 'RFC 3339, or milliseconds since 1970.'),
  query('to', 'RFC 3339, or milliseconds since 1970.'),
]
const items = (of: unknown) => ({ type: 'object', properties: { items: { type: 'array', items: of } } })
const count = { type: 'number' }
const text = { type: 'string' }

export function requestPaths(): OpenApiDocument['paths'] {
  return {
    '/requests': {
      get: {
        summary: 'Requests as lines, oldest first, and those that come',
        tags: ['Requests'],
        operationId: 'requests',
        parameters: [
          query('follow', '`true`: goes on.'),
          query('limit', 'Of the newest that are there already. Default 100, at most 10,000.', 'integer'),
          query('type', '`started` or `finished`; `progress` and `feedback` are left out unless they are asked for.'),
          ...filters,
        ],
        responses: { '200': stream('One line a record.', 'application/x-ndjson', reference('RequestRecord')), ...errors },
      },
    },
    '/requests/history': {
      get: {
        summary: 'Finished requests, newest first, a page at a time',
        tags: ['Requests'],
        operationId: 'requestHistory',
        parameters: [
          query('limit', 'Default 100, at most 1000.', 'integer'),
          query('type', 'Default `finished`; or `started`, `progress`, `feedback`.'),
          query('cursor', '`next` of the page before, with the same filters.'),
          ...filters,
        ],
        responses: {
          '200': answer(
            'A page. It may hold fewer than asked for, or none, and still have a `next`: a page reads a bounded part of the disk.',
            {
              type: 'object',
              properties: {
                items: { type: 'array', items: reference('RequestRecord') },
                next: { type: 'string', description: 'Absent when there is nothing older.' },
                reached: { type: 'string', format: 'date-time', description: 'Everything since then has been looked at.' },
              },
            },
          ),
          ...errors,
        },
      },
    },
    '/requests/tail': {
      get: {
        summary: 'Requests as they finish, in batches',
        tags: ['Requests'],
        operationId: 'requestTail',
        parameters: [query('type', 'Default `finished`; or `started`, `feedback`.'), ...filters],
        responses: {
          '200': stream('With `Accept: text/event-stream` events, else lines; at most 400 records each 200 ms.', 'text/event-stream', {
            type: 'object',
            properties: {
              records: { type: 'array', items: reference('RequestRecord') },
              skipped: { type: 'integer', description: 'That came beside those; they are in the history.' },
            },
          }),
          ...errors,
        },
      },
    },
    '/requests/{id}': {
      get: {
        summary: 'One request, or feedback by its own id',
        tags: ['Requests'],
        operationId: 'request',
        parameters: [path('id', "Strata's own id")],
        responses: {
          '200': answer('Its records. The prompt, or the comment, is there when it was recorded and an admin asks.', {
            type: 'object',
            properties: {
              started: reference('RequestRecord'),
              finished: reference('RequestRecord'),
              feedback: reference('RequestRecord'),
              prompts: { type: 'object', properties: { recorded: { type: 'boolean' }, readable: { type: 'boolean' } } },
            },
          }),
          '404': answer('There is no record of it, or none any more.', reference('Error')),
          ...errors,
        },
      },
    },
    '/usage/consumers': {
      get: {
        summary: 'What consumers have used',
        tags: ['Requests'],
        operationId: 'consumerUsage',
        parameters: [
          query('from', 'RFC 3339, or milliseconds since 1970. Default: a day before `to`.'),
          query('to', 'Default: now.'),
          query('step', 'Milliseconds, whole minutes: sums for each such step. Default: one sum.', 'integer'),
          query('namespace', 'Of `consumer`.'),
          query('consumer', 'Only this one.'),
        ],
        responses: {
          '200': answer(
            'Sums by consumer, route, outcome and currency.',
            items({
              type: 'object',
              properties: {
                ...{ namespace: text, consumer: text, route: text, outcome: text, currency: text, at: count, requests: count },
                ...{ tokensIn: count, tokensCached: count, tokensOut: count, cost: count },
              },
            }),
          ),
          ...errors,
        },
      },
    },
    '/usage/keys': {
      get: {
        summary: 'When each API key was last used',
        tags: ['Requests'],
        operationId: 'keyUses',
        responses: {
          '200': answer(
            'Keys that were ever used.',
            items({ type: 'object', properties: { namespace: text, name: text, lastUsed: count } }),
          ),
          ...errors,
        },
      },
    },
    '/limit-states': {
      get: {
        summary: 'What is left of the limits, gateway by gateway',
        tags: ['Requests'],
        operationId: 'limitStates',
        parameters: [query('namespace', 'Only of limits there.'), query('name', 'Only of this Limit.')],
        responses: {
          '200': answer('Each gateway has its own share; whoever is not named has the whole of it.', {
            type: 'object',
            properties: {
              gateways: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: { id: text, problem: text, more: count, states: { type: 'array', items: { type: 'object' } } },
                },
              },
            },
          }),
          ...errors,
        },
      },
    },
    '/refusals': {
      get: {
        summary: 'Whom limits have refused in the last hour',
        tags: ['Requests'],
        operationId: 'refusals',
        responses: { '200': answer('By limit: how many in each minute, and who.', items({ type: 'object' })), ...errors },
      },
    },
  }
}
