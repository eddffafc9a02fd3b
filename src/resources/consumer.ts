import { z } from 'zod'
import { defineKind, type Reference } from './kind.ts'
import { condition, resourceName } from './scalars.ts'

export const consumer = defineKind({
  kind: 'Consumer',
  plural: 'consumers',
  aliases: ['consumer'],
  description: 'Who calls: the models it may use, its limits, its priority. Its keys are `ApiKey` resources.',
  spec: z.strictObject({
    models: z.array(z.string().min(1)).default(['*']).meta({ description: 'Public model names that it may call; `*` for all.' }),
    pinVersions: z.boolean().default(true).meta({ description: 'May it name a version itself (`model@v2`)?' }),
    priority: z
      .enum(['interactive', 'standard', 'batch'])
      .default('standard')
      .meta({ description: 'Who goes first when there is a queue.' }),
    limits: z
      .array(resourceName)
      .max(16)
      .default([])
      .meta({ description: 'Names of `Limit` resources. All that apply count, the tightest decides.' }),
  }),
  status: z.strictObject({ observedGeneration: z.number().int().optional(), conditions: z.array(condition).default([]) }),
  references: (spec): Reference[] => spec.limits.map((name, i) => ({ path: ['spec', 'limits', i], kind: 'Limit', name })),
})
