/** How it is found out whether an instance has started, serves and lives, and what it is asked before it serves. */
import { z } from 'zod'
import { parseDuration } from '../kernel/units.ts'
import { duration } from './scalars.ts'

const DAY_MS = 86_400_000
/** What is no duration is complained of already. */
const isWithin = (ms: number | undefined, least: number, most: number) => ms === undefined || (ms >= least && ms <= most)
/** Timers count to 24 days. */
const time = (leastMs: number) =>
  duration.refine((text) => isWithin(parseDuration(text), leastMs, 20 * DAY_MS), `from ${leastMs} ms to 20 days`)

const path = z
  .string()
  .regex(/^\/\S*$/, 'a path such as "/health"')
  .optional()
  .meta({ description: "Asked by GET in place of the protocol's own question; an answer of 200 to 399 is a success." })
const attempts = (period: string, timeout: string, failures: number) => ({
  path,
  period: time(100).default(period).meta({ description: 'How often it is asked.' }),
  timeout: time(1).default(timeout).meta({ description: 'How long an answer may take.' }),
  failures: z.number().int().min(1).max(1_000).default(failures).meta({ description: 'Failures in a row that count.' }),
})

const startup = z.strictObject({
  timeout: time(100).default('10m').meta({
    description:
      'From the start of its program until it serves; longer, and it is ended and started again. Fetching its image is not counted.',
  }),
})
const readiness = z.strictObject({
  ...attempts('1s', '2s', 3),
  successes: z.number().int().min(1).max(100).default(1).meta({ description: 'Successes in a row that count.' }),
})
const liveness = z.strictObject(attempts('10s', '5s', 6))

export const probes = z
  .strictObject({
    startup: startup.default(() => startup.parse({})).meta({ description: 'Until it has served once; the others begin after that.' }),
    readiness: readiness
      .default(() => readiness.parse({}))
      .meta({ description: 'Whether requests are sent to it. One that fails gets none, and goes on.' }),
    liveness: liveness
      .default(() => liveness.parse({}))
      .meta({ description: 'Whether it lives. One that does not is ended and started again.' }),
  })
  .meta({ description: 'As Kubernetes has them.' })
export type Probes = z.infer<typeof probes>

export const defaultProbes = (): Probes => probes.parse({})

export const warmup = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        path: z
          .string()
          .regex(/^\/\S*$/, 'a path such as "/v1/chat/completions"')
          .optional()
          .meta({
            description: "Default: where the version's task is asked in its protocol.",
          }),
        body: z.record(z.string(), z.unknown()).meta({ description: 'JSON. For OpenAI the model is filled in.' }),
      }),
    )
    .min(1)
    .max(64)
    .meta({ description: 'Sent one after the other.' }),
  timeout: time(1).default('1m').meta({ description: 'How long one answer may take.' }),
})
export type Warmup = z.infer<typeof warmup>
