import { z } from 'zod'
import { defineKind, type Reference } from './kind.ts'
import { resourceName, sha256 } from './scalars.ts'

export const apiKey = defineKind({
  kind: 'ApiKey',
  plural: 'apikeys',
  aliases: ['apikey', 'keys', 'key'],
  description: "A consumer's key. Made by `strata keys create`, which shows the secret once; only its hash is kept.",
  spec: z.strictObject({
    consumer: resourceName.meta({ description: 'The `Consumer` that calls with it.' }),
    hash: sha256.meta({ description: 'sha256 of the secret.' }),
    prefix: z.string().max(16).optional().meta({ description: 'First characters of the secret, to recognise it by.' }),
    expires: z
      .union([z.iso.datetime({ offset: true }), z.iso.date()])
      .optional()
      .meta({ description: 'From this time on it is refused: a date or a time (RFC 3339).' }),
    scopes: z
      .array(z.enum(['infer']))
      .min(1)
      .default(['infer'])
      .meta({ description: 'What it may do.' }),
    revoked: z.boolean().default(false).meta({ description: 'Refused from now on.' }),
  }),
  status: z.strictObject({ observedGeneration: z.number().int().optional() }),
  immutable: ['consumer', 'hash', 'prefix'],
  references: (spec): Reference[] => [{ path: ['spec', 'consumer'], kind: 'Consumer', name: spec.consumer }],
})
