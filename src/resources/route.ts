import { z } from 'zod'
import { defineKind, type Reference } from './kind.ts'
import { atLeast, condition, resourceName, weight } from './scalars.ts'

const target = z.strictObject({
  version: resourceName.meta({ description: 'Name of a `ModelVersion` resource.' }),
  weight: weight.default(100),
})

export const stickyBy = z
  .strictObject({
    header: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/, 'a header name')
      .optional()
      .meta({ description: 'A request header.' }),
    body: z.enum(['user']).optional().meta({ description: "The request's own `user` field." }),
    else: z
      .enum(['consumer', 'random'])
      .default('consumer')
      .meta({ description: 'When the request has none: by consumer, or anew for each request.' }),
  })
  .meta({ description: 'What keeps a caller on one version. Hashed with a salt; growing a share never moves a unit that is in it.' })

export const route = defineKind({
  kind: 'Route',
  plural: 'routes',
  aliases: ['route'],
  description:
    'Public model names and where they go: weighted versions, fallbacks, time-outs, retries. The only place where traffic is decided.',
  spec: z.strictObject({
    models: z
      .array(
        z
          .string()
          .min(1)
          .max(256)
          .regex(/^[^@\s]+$/, 'no "@" and no white space (model@version pins a version)'),
      )
      .min(1)
      .max(64)
      .meta({ description: 'What clients write in `model`.' }),
    targets: z
      .array(target)
      .min(1)
      .max(32)
      .refine((targets) => targets.reduce((sum, t) => sum + t.weight, 0) === 100, 'weights that add up to 100')
      .meta({ description: 'Versions and their shares, which add up to 100.' }),
    stickyBy: stickyBy.default({ else: 'random' }),
    fallbacks: z
      .array(
        z.strictObject({
          version: resourceName.meta({ description: 'Name of a `ModelVersion` resource.' }),
          on: z
            .array(z.enum(['unavailable', 'timeout', 'overloaded']))
            .min(1)
            .default(['unavailable', 'timeout', 'overloaded'])
            .meta({ description: 'What makes it step in.' }),
        }),
      )
      .max(8)
      .default([])
      .meta({ description: 'Versions that answer when the chosen one cannot, before the first byte has gone out.' }),
    timeouts: z
      .strictObject({
        connect: atLeast('1ms').default('2s').meta({ description: 'Until the instance accepts the connection.' }),
        firstByte: atLeast('1ms').default('60s').meta({ description: 'Until the first byte of the answer.' }),
        idle: atLeast('1ms').default('30s').meta({ description: 'Between two chunks.' }),
        total: atLeast('1ms').default('10m').meta({ description: 'For the whole answer.' }),
      })
      .default({ connect: '2s', firstByte: '60s', idle: '30s', total: '10m' })
      .meta({ description: 'How long a request may take.' }),
    retries: z
      .strictObject({
        attempts: z.number().int().min(0).max(3).default(1).meta({ description: 'Further attempts after the first.' }),
        on: z
          .array(z.enum(['connect', 'unavailable']))
          .default(['connect', 'unavailable'])
          .meta({ description: 'What is tried again.' }),
      })
      .default({ attempts: 1, on: ['connect', 'unavailable'] })
      .meta({ description: 'Another instance is tried before the first byte has gone out; never after.' }),
    limits: z
      .array(resourceName)
      .max(16)
      .default([])
      .meta({ description: 'Names of `Limit` resources that apply to every call of the route.' }),
  }),
  status: z.strictObject({
    observedGeneration: z.number().int().optional(),
    conditions: z.array(condition).default([]),
    effective: z
      .strictObject({
        targets: z.array(z.strictObject({ version: z.string(), weight: z.number() })),
        by: z.string().meta({ description: 'Who decided: `spec`, or a rollout or experiment.' }),
      })
      .optional()
      .meta({ description: 'What runs. `spec` is what is written.' }),
  }),
  references(spec): Reference[] {
    return [
      ...spec.targets.map((t, i): Reference => ({ path: ['spec', 'targets', i, 'version'], kind: 'ModelVersion', name: t.version })),
      ...spec.fallbacks.map((f, i): Reference => ({ path: ['spec', 'fallbacks', i, 'version'], kind: 'ModelVersion', name: f.version })),
      ...spec.limits.map((name, i): Reference => ({ path: ['spec', 'limits', i], kind: 'Limit', name })),
    ]
  },
})
