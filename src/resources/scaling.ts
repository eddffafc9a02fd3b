/** How many instances of a version run, and what decides it. */
import { z } from 'zod'
import { parseDuration } from '../kernel/units.ts'
import { duration, httpAddress, secretReference } from './scalars.ts'

/** What a target of instances can be set on: means of late, of all instances together, but for `kvUse`. */
export const SCALING_METRICS = ['concurrency', 'queued', 'arrivals', 'tokensOut', 'kvUse'] as const

const target = {
  metric: z.enum(SCALING_METRICS).default('concurrency').meta({
    description:
      'What is measured: requests at the same time, requests that wait, requests a second, tokens written a second, or the share of the KV cache in use.',
  }),
  target: z.number().positive().max(1e9).meta({ description: 'How much of it one instance should have.' }),
}

/** A cache is in use as a whole at most. */
const isTarget = ({ metric, target: most }: { readonly metric: string; readonly target: number }) => metric !== 'kvUse' || most <= 1
const noTarget = { path: ['target'], message: 'at most 1 with `kvUse`, which is a share of one cache' }

/** Knative's own bounds of its stable window, milliseconds (pkg/autoscaler/config/asconfig). */
const WINDOW_MS = { least: 6_000, most: 3_600_000 }
const window = duration
  .refine((text) => {
    const ms = parseDuration(text)
    return ms === undefined || (ms >= WINDOW_MS.least && ms <= WINDOW_MS.most)
  }, 'a duration from 6s to 1h')
  .default('60s')
  .meta({ description: 'Of so long the mean counts; a tenth of it tells a surge. After so long without a request the last instance goes.' })

const objective = z
  .strictObject({
    firstToken: duration.default('2s').meta({ description: 'A first token that comes later is a miss.' }),
    allowedMisses: z.number().min(0.1).max(50).default(5).meta({ description: 'Percent of the requests that may miss.' }),
    idle: duration.default('10m').meta({ description: 'With `min: 0`: the last instance goes when nobody has asked for so long.' }),
  })
  .meta({ description: "Strata's own: holds an objective for the first token with as few instances as will do." })

const schedule = z
  .array(
    z.strictObject({
      from: z
        .string()
        .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as "08:00"')
        .meta({ description: 'Time of day, UTC.' }),
      instances: z.number().int().min(0).max(64).meta({ description: 'Instances from then on.' }),
    }),
  )
  .min(1)
  .max(96)
  .refine((entries) => new Set(entries.map(({ from }) => from)).size === entries.length, 'each time once')
  .meta({ description: 'By the time of day.' })

const prometheus = z
  .strictObject({
    address: httpAddress.meta({ description: 'Base address of a Prometheus, or of what speaks its HTTP API.' }),
    query: z.string().min(1).max(8_192).meta({ description: 'PromQL. The samples of its result are added up.' }),
    target: z.number().positive().meta({ description: 'How much of it one instance should have.' }),
    bearer: secretReference.optional(),
  })
  .meta({ description: 'By a query of yours.' })

const policy = z
  .strictObject({
    objective: objective.optional(),
    knative: z
      .strictObject({ ...target, window })
      .refine(isTarget, noTarget)
      .optional()
      .meta({ description: "Knative's: the mean over a window, and over a tenth of it in a surge." }),
    hpa: z.strictObject(target).refine(isTarget, noTarget).optional().meta({ description: "Kubernetes' HorizontalPodAutoscaler." }),
    keda: z.strictObject(target).refine(isTarget, noTarget).optional().meta({ description: "KEDA's: a poll every 30 s, then as `hpa`." }),
    prometheus: prometheus.optional(),
    schedule: schedule.optional(),
  })
  .refine((each) => Object.values(each).filter(Boolean).length === 1, 'exactly one of objective, knative, hpa, keda, prometheus, schedule')
  .meta({ description: 'What decides how many instances run, between `min` and `max`: exactly one of the fields.' })
export type ScalingPolicy = z.infer<typeof policy>

const hold = z.strictObject({
  most: z
    .number()
    .int()
    .min(0)
    .max(100_000)
    .default(100)
    .meta({ description: 'Requests that wait in a gateway; one more is answered 429.' }),
  for: duration.default('1m').meta({ description: 'How long each waits.' }),
})
/** Of a policy that says nothing of it. */
export const DEFAULT_HOLD = hold.parse({})

export const scaling = z
  .strictObject({
    min: z.number().int().min(0).max(64).default(1).meta({
      description:
        'Instances that always run. With 0 and a policy the last one goes when nobody asks, and the first request starts it again.',
    }),
    max: z.number().int().min(0).max(64).optional().meta({ description: 'Most instances; wanted with a policy. Without one `min` run.' }),
    policy: policy.optional(),
    cooldown: z
      .strictObject({
        up: duration.default('0s').meta({ description: 'Before another instance is started.' }),
        down: duration.default('1m').meta({ description: 'Before one is taken away.' }),
      })
      .optional()
      .meta({ description: 'How long after a change of their number there is no other one. With a policy.' }),
    hold: hold.optional().meta({ description: 'Requests that wait while no instance is ready. With a policy.' }),
  })
  .superRefine(({ min, max, policy: by }, context) => {
    if (max !== undefined && max < min) context.addIssue({ code: 'custom', path: ['max'], message: 'at least as many as `min`' })
    if (by && (max === undefined || max === 0))
      context.addIssue({ code: 'custom', path: ['max'], message: 'the most instances that the policy may start' })
  })

export const scalingStatus = z.strictObject({
  /** Instances that should exist, by the policy and within the bounds. */
  wanted: z.number().int(),
  /** One sentence with its numbers. */
  reason: z.string(),
  /** Since when so many are wanted. */
  since: z.string(),
  /** Measured, milliseconds: from the creation of an instance until it serves. */
  startupMs: z.number().optional(),
})
