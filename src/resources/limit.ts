import { z } from 'zod'
import { defineKind } from './kind.ts'
import { atLeast, condition } from './scalars.ts'

const amount = z.number().int().min(1).max(1_000_000_000_000)
const rule = z
  .union([
    z.strictObject({
      requests: amount.meta({ description: 'Requests in the time of `every`.' }),
      every: atLeast('1ms').default('1m'),
      burst: amount.optional().meta({ description: 'Most requests at once. Default: `requests`.' }),
    }),
    z.strictObject({
      tokens: amount.meta({ description: 'Tokens, in and out, in the time of `every`.' }),
      every: atLeast('1ms').default('1m'),
      burst: amount.optional().meta({ description: 'Most tokens at once. Default: `tokens`.' }),
    }),
    z.strictObject({ concurrent: z.number().int().min(1).max(1_000_000).meta({ description: 'Requests that run at the same time.' }) }),
  ])
  .meta({ description: 'One of `{ requests, every, burst }`, `{ tokens, every, burst }`, `{ concurrent }`.' })

export const limit = defineKind({
  kind: 'Limit',
  plural: 'limits',
  aliases: ['limit'],
  description:
    'Requests, tokens and concurrency over time (GCRA). Consumers and routes refer to it; all that apply count, the tightest decides.',
  spec: z.strictObject({
    per: z.enum(['key', 'consumer', 'model', 'route', 'all']).default('consumer').meta({ description: 'What has a bucket of its own.' }),
    rules: z.array(rule).min(1).max(16).meta({ description: 'What is limited, and to how much.' }),
  }),
  status: z.strictObject({ observedGeneration: z.number().int().optional(), conditions: z.array(condition).default([]) }),
  references: () => [],
})
