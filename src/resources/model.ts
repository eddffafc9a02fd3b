import { z } from 'zod'
import { defineKind } from './kind.ts'
import { condition } from './scalars.ts'

export const task = z.enum(['chat', 'completion', 'embedding', 'tensor'])
export type Task = z.infer<typeof task>

export const model = defineKind({
  kind: 'Model',
  plural: 'models',
  aliases: ['model'],
  description: 'What users call: a name and its task. A model carries no traffic decision; routes do.',
  spec: z.strictObject({
    task: task.default('chat').meta({ description: 'What the model does.' }),
    description: z.string().max(1000).optional().meta({ description: 'One line for people.' }),
  }),
  status: z.strictObject({ observedGeneration: z.number().int().optional(), conditions: z.array(condition).default([]) }),
  references: () => [],
})
