/** Field types that several kinds share. */
import { z } from 'zod'
import { parseDuration, parseSize } from '../kernel/units.ts'

export const API_VERSION = 'strata.dev/v1alpha1'

/** RFC 1123 DNS label, as Kubernetes names things. */
export const resourceName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a DNS label: lower-case letters, digits and "-", at most 63, no "-" at either end')
  .meta({ description: 'A DNS label: lower-case letters, digits and "-", at most 63 characters.' })

/** A hundred years. */
const LONGEST_MS = 100 * 366 * 86_400_000

/** A duration as written ("30s"); `durationMs` reads it. */
export const duration = z
  .string()
  .refine((text) => (parseDuration(text) ?? Number.POSITIVE_INFINITY) <= LONGEST_MS, 'a duration such as "500ms", "30s" or "1h30m"')
  .meta({ description: 'A duration such as "500ms", "30s" or "1h30m".', examples: ['30s'] })

/** A duration that is no shorter than another one, both as written. */
export function atLeast(least: string) {
  const leastMs = parseDuration(least)!
  return duration.refine((text) => (parseDuration(text) ?? leastMs) >= leastMs, `at least ${least}`)
}

/** A size as written ("512Mi"); `sizeBytes` reads it. */
export const size = z
  .string()
  .refine((text) => (parseSize(text) ?? Number.POSITIVE_INFINITY) <= Number.MAX_SAFE_INTEGER, 'a size such as "512Mi" or "2G"')
  .meta({ description: 'A size such as "512Mi" or "2G".', examples: ['512Mi'] })

/** Whole milliseconds of a duration that its schema has already accepted. */
export function durationMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new RangeError(`not a duration: ${text}`)
  return Math.round(ms)
}

/** Whole bytes of a size that its schema has already accepted. */
export function sizeBytes(text: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined) throw new RangeError(`not a size: ${text}`)
  return Math.round(bytes)
}

/** Cores of a quantity that its schema has already accepted: "2", "0.5", "500m". */
export function cores(text: string): number {
  return text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text)
}

/** Docker's own bound. */
const LEAST_CORES = 0.01

export const cpu = z
  .string()
  .regex(/^(\d+(\.\d+)?|\d+m)$/, 'cores such as "2", "0.5" or "500m"')
  .refine((text) => cores(text) >= LEAST_CORES && cores(text) <= 100_000, 'at least 0.01 cores')

export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
  .meta({ description: 'A sha256 digest, 64 lower-case hexadecimal digits.' })

export const weight = z.number().int().min(0).max(100).meta({ description: 'Share of the traffic, a whole percentage.' })

export const httpAddress = z.url({ protocol: /^https?$/, error: 'an http:// or https:// address' })

/** Where a secret is read from. A manifest never holds the secret itself. */
export const secretReference = z
  .union([
    z.strictObject({
      env: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable')
        .meta({ description: 'An environment variable of the process that uses it.' }),
    }),
    z.strictObject({ file: z.string().min(1).meta({ description: 'A file that holds it and nothing else.' }) }),
  ])
  .meta({ description: 'Where the secret is read from: `{ env: NAME }` or `{ file: path }`. Never the secret itself.' })
export type SecretReference = z.infer<typeof secretReference>

const labels = z.record(z.string().max(316), z.string().max(63))

/** What stands under `metadata`. The fields after `annotations` are written by the system; a manifest that carries them is accepted and they are ignored. */
export const metadata = z.strictObject({
  name: resourceName,
  namespace: resourceName.default('default'),
  labels: labels.optional().meta({ description: 'Free labels, for people and for selections.' }),
  annotations: z.record(z.string().max(316), z.string().max(65_536)).optional().meta({ description: 'Free notes, for tools.' }),
  uid: z.string().optional().meta({ description: 'Set by the system: unique over time, also when the name is used again.' }),
  generation: z.number().int().optional().meta({ description: 'Set by the system: counts the changes of `spec`.' }),
  resourceVersion: z
    .string()
    .optional()
    .meta({ description: 'Set by the system: counts the writes. Sent back with a change, it makes the change conditional.' }),
  creationTimestamp: z.string().optional().meta({ description: 'Set by the system.' }),
  deletionTimestamp: z.string().optional().meta({ description: 'Set by the system: the resource is being deleted.' }),
  finalizers: z.array(z.string()).optional().meta({ description: 'Set by the system: what must be done before the resource is gone.' }),
})
export type Metadata = z.infer<typeof metadata>

/** One aspect of a resource's state, as Kubernetes' conditions. */
export const condition = z.strictObject({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string().default(''),
  lastTransitionTime: z.string(),
})
export type Condition = z.infer<typeof condition>
