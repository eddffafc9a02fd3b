/** Autoscaling: what it does now, and what it has decided. */
import { answer, errors, namespace, type OpenApiDocument, path, query, reference } from './parts.ts'

const number = (description?: string) => ({ type: 'number', ...(description === undefined ? {} : { description }) })
const integer = (description?: string) => ({ type: 'integer', ...(description === undefined ? {} : { description }) })
const text = (description?: string) => ({ type: 'string', ...(description === undefined ? {} : { description }) })
const object = (properties: Record<string, unknown>, description?: string) => ({
  type: 'object',
  properties,
  ...(description === undefined ? {} : { description }),
})
const at = integer('Milliseconds since 1970.')
const inputs = object({}, 'What it was decided from, by name.')

const now = object({
  namespace: text(),
  name: text(),
  policy: text('`objective`, `knative`, `hpa`, `keda`, `prometheus` or `schedule`.'),
  min: integer(),
  max: integer(),
  wanted: integer(),
  since: at,
  reason: text(),
  inputs,
  ready: integer(),
  starting: integer(),
  draining: integer(),
  sample: object({}, 'Load of the last two seconds or so: means and rates a second.'),
  startup: object({ ms: number(), measured: { type: 'boolean', description: 'false: none has been seen yet, and so long is assumed.' } }),
  speed: object({}, 'With `objective`: how fast an instance is, or in `missing` what is not known yet.'),
})
const status = object(
  { state: text('`Pending`, `Fetching`, `Starting`, `Ready`, `Degraded`, `Failed` or `Stopped`.'), message: text() },
  'Of the version itself: what keeps its instances from being ready.',
)
const point = object({
  at,
  concurrency: number('Requests at the same time, the mean.'),
  arrivals: number('Requests a second.'),
  queued: number('The most that waited at one time.'),
  wanted: integer(),
  ready: integer(),
  starting: integer(),
  firstTokenP95Ms: number(),
  misses: number('Requests a second that missed the objective, were refused or timed out.'),
})
const decision = object({
  at,
  from: integer(),
  wanted: integer(),
  asked: number('What the policy alone had wanted.'),
  policy: text(),
  reason: text(),
  inputs,
  ready: integer('When it was decided.'),
  starting: integer(),
})
const list = (items: object) => ({ type: 'array', items })

export function scalingPaths(): OpenApiDocument['paths'] {
  return {
    '/scaling': {
      get: {
        summary: 'What autoscaling wants of all versions with a policy',
        tags: ['Autoscaling'],
        operationId: 'listScaling',
        parameters: [query('namespace', 'Only this one. Default: all.')],
        responses: { '200': answer('As it is now.', object({ items: list(now) })), ...errors },
      },
    },
    '/modelversions/{name}/scaling': {
      get: {
        summary: 'What autoscaling wants of one version, and what it has decided',
        tags: ['Autoscaling'],
        operationId: 'explainScaling',
        parameters: [
          path('name', 'Name of the ModelVersion'),
          namespace,
          query('hours', 'How far back. Default 1, at most 720.', 'number'),
        ],
        responses: {
          '200': answer(
            '`now` is absent where it has no policy. Points, a minute each, are kept for a week, decisions for a month.',
            object({ policy: object({}, 'As the version says.'), status, now, points: list(point), decisions: list(decision) }),
          ),
          '404': answer('There is none of that name.', reference('Error')),
          ...errors,
        },
      },
    },
  }
}
