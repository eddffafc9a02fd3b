import { z } from 'zod'
import { parseDuration } from '../kernel/units.ts'
import { defineKind, type Reference } from './kind.ts'
import { condition, duration, httpAddress, resourceName, secretReference } from './scalars.ts'

const points = z.number().min(0).max(99)

/** Times of a request that can be slow, and what a request can be measured by besides. */
export const TIME_METRICS = ['timeToFirstToken', 'timeBetweenTokens', 'totalTime'] as const
export const AMOUNT_METRICS = ['tokensPerAnswer', 'cost'] as const

const wait = duration.refine((text) => (parseDuration(text) ?? 0) >= 1_000, 'at least 1s')

const judged = {
  harmMargin: points
    .default(0)
    .meta({ description: 'Proven worse than the baseline by more than this, in percentage points: the release is rolled back.' }),
  margin: points.optional().meta({ description: 'Proven not worse by as much as this, in percentage points: it may be promoted.' }),
  watch: z.boolean().default(false).meta({ description: 'Only shown; decides nothing.' }),
}

const metric = z
  .discriminatedUnion('name', [
    z
      .strictObject({
        name: z.literal('errorRate').meta({ description: 'The share of requests that failed.' }),
        ...judged,
        margin: judged.margin.default(0.5),
      })
      .meta({ title: 'errorRate', description: 'Share of requests that failed.' }),
    z
      .strictObject({
        name: z.enum(TIME_METRICS).meta({ description: 'Which time: until the first token, between two, or until the end.' }),
        quantile: z
          .union([z.literal(50), z.literal(90), z.literal(95), z.literal(99)])
          .default(95)
          .meta({ description: 'Slow is what is slower than this percentile of the baseline, as it was when the release began.' }),
        ...judged,
        margin: judged.margin.default(3),
      })
      .meta({ title: 'A time', description: 'Share of requests that were slow.' }),
    z
      .strictObject({
        name: z.literal('feedback').meta({ description: 'What users thought of answers (`POST /v1/feedback`): 1 − score in the mean.' }),
        ...judged,
      })
      .meta({ title: 'feedback', description: 'Mean dissatisfaction with the answers that were rated.' }),
    z
      .strictObject({
        name: z.enum(AMOUNT_METRICS).meta({ description: 'What an answer took.' }),
        most: z.number().positive().meta({ description: 'What is more counts as this much: tokens, or the currency of the price.' }),
        ...judged,
      })
      .meta({ title: 'An amount', description: 'Mean of an answer, in percent of `most`. More is worse.' }),
  ])
  .meta({ description: 'What the versions are compared by.' })

const DEFAULT_METRICS = [
  { name: 'errorRate' as const, harmMargin: 0, margin: 0.5, watch: false },
  { name: 'totalTime' as const, quantile: 95 as const, harmMargin: 0, margin: 3, watch: false },
]

const check = z
  .strictObject({
    name: resourceName.meta({ description: 'What it is called in messages.' }),
    prometheus: z
      .strictObject({
        address: httpAddress.meta({ description: 'Base address of a Prometheus, or of what speaks its HTTP API.' }),
        query: z.string().min(1).max(8_192).meta({ description: 'PromQL. Every sample of its result must be within the bounds.' }),
        atMost: z.number().optional().meta({ description: 'Upper bound.' }),
        atLeast: z.number().optional().meta({ description: 'Lower bound.' }),
        bearer: secretReference.optional(),
      })
      .refine(({ atMost, atLeast }) => atMost !== undefined || atLeast !== undefined, '`atMost` or `atLeast`')
      .optional()
      .meta({ description: 'Asks a Prometheus.' }),
    webhook: z
      .strictObject({
        address: httpAddress.meta({ description: 'Gets a POST with the rollout, its phase, step and weight as JSON.' }),
        bearer: secretReference.optional(),
      })
      .optional()
      .meta({ description: 'Asks a service of yours, which answers `{ "ok": true }`, or `false` with a `message`.' }),
    every: wait.default('30s').meta({ description: 'How often it is asked.' }),
    failures: z.number().int().min(1).max(100).default(3).meta({
      description: 'So many bad answers one after the other roll the release back. No answer is no bad one: it only holds up promotion.',
    }),
  })
  .refine((each) => (each.prometheus === undefined) !== (each.webhook === undefined), 'either `prometheus` or `webhook`')
  .meta({ description: 'A look of your own at the new version. All must be good before the next step.' })

const analysis = z
  .strictObject({
    falseAlarm: z
      .number()
      .min(0.01)
      .max(20)
      .default(1)
      .meta({ description: 'Percent of harmless releases that are rolled back at most, over all metrics and however often one looks.' }),
    metrics: z.array(metric).max(12).default(DEFAULT_METRICS).meta({ description: 'None: the clock alone decides.' }),
    checks: z
      .array(check)
      .max(16)
      .refine((checks) => new Set(checks.map(({ name }) => name)).size === checks.length, 'each name once')
      .default([])
      .meta({ description: 'What else must hold: queries of a Prometheus, services of your own.' }),
    minSamples: z
      .number()
      .int()
      .min(1)
      .max(10_000_000)
      .default(200)
      .meta({ description: 'Units that the new version must have had at a step before the next one, unless it is shown to be safe.' }),
    window: wait.default('1m').meta({ description: 'How long a request is waited for. One that has not failed by then has not failed.' }),
    unitWindow: wait
      .default('1h')
      .meta({ description: 'Where callers stay on a version: how long each is watched, from its first request. It counts once.' }),
    feedbackWindow: wait
      .default('10m')
      .meta({ description: 'How long feedback on an answer is waited for. Units are counted in order, so the metric is as much behind.' }),
    maxDuration: wait.default('24h').meta({ description: 'How long a release may take.' }),
    onTimeout: z.enum(['pause', 'rollback']).default('pause').meta({ description: 'What happens when it is not decided by then.' }),
  })
  .meta({ description: 'How the new version is judged, beside the traffic that the old one gets at the same time.' })

const step = z
  .union([
    z.strictObject({
      weight: z.number().int().min(1).max(100).meta({ description: "Share of the old version's traffic that goes to the new one." }),
    }),
    z.strictObject({
      pause: z
        .union([duration, z.strictObject({})])
        .meta({ description: 'Waits so long, or, as `{}`, until somebody promotes. Shown to be safe, a time is not waited out.' }),
    }),
  ])
  .meta({ description: 'One step of the ladder.' })

export const ROLLOUT_PHASES = ['Pending', 'Progressing', 'Paused', 'Healthy', 'Degraded'] as const

const arm = z.strictObject({ units: z.number(), mean: z.number(), low: z.number(), high: z.number() })

export const metricReport = z.strictObject({
  name: z.string(),
  /** Means and their confidence sequences, in percent. */
  baseline: arm,
  candidate: arm,
  /** Milliseconds from which a request is slow. */
  threshold: z.number().optional(),
  /** Of the evidence for harm, and for safety, that is needed: 1 is enough. Absent where it decides nothing. */
  harm: z.number().optional(),
  safety: z.number().optional(),
  /** Units of both versions that are missing until it is shown to be safe, if it is as good as the baseline. Absent: no number would do, or it is shown. */
  missing: z.number().optional(),
  verdict: z.enum(['harm', 'safe', 'undecided', 'watched']),
})
export type MetricReport = z.infer<typeof metricReport>

const checkReport = z.strictObject({
  name: z.string(),
  /** Of the last answer; absent before the first, and where there was none. */
  good: z.boolean().optional(),
  /** Bad answers one after the other. */
  failures: z.number().int(),
  message: z.string(),
  time: z.string(),
})
export type CheckReport = z.infer<typeof checkReport>

export const rollout = defineKind({
  kind: 'Rollout',
  plural: 'rollouts',
  aliases: ['rollout', 'ro'],
  description:
    'A canary release: sends a growing share of a route from one version to another, compares the two by tests that stay valid however often one looks, and goes on, stops or rolls back by what they show.',
  spec: z.strictObject({
    route: resourceName.meta({ description: 'Name of the `Route`.' }),
    from: resourceName.meta({ description: 'Name of the `ModelVersion` that serves now.' }),
    to: resourceName.meta({ description: 'Name of the `ModelVersion` that shall.' }),
    steps: z
      .array(step)
      .min(1)
      .max(32)
      .refine((steps) => steps.some((each) => 'weight' in each), 'at least one step with a weight')
      .refine((steps) => {
        const weights = steps.flatMap((each) => ('weight' in each ? [each.weight] : []))
        return weights.every((weight, i) => i === 0 || weight > (weights[i - 1] as number))
      }, 'weights that grow from step to step')
      .default([{ weight: 5 }, { pause: '10m' }, { weight: 25 }, { weight: 50 }, { weight: 100 }])
      .meta({ description: 'From here to all of the traffic, which is the last step whether it is written or not.' }),
    preview: z
      .strictObject({
        headers: z
          .record(
            z.string().regex(/^[A-Za-z0-9-]+$/, 'a header name'),
            z
              .string()
              .max(1_024)
              .regex(/^[\x20-\x7e]*$/, 'printable ASCII'),
          )
          .default({})
          .meta({ description: 'A request that bears all of them gets the new version.' }),
        consumers: z.array(resourceName).max(64).default([]).meta({ description: 'These consumers get it.' }),
      })
      .optional()
      .meta({ description: 'Who gets the new version at once. Their requests are not compared.' }),
    analysis: analysis.prefault({}),
  }),
  status: z.strictObject({
    observedGeneration: z.number().int().optional(),
    conditions: z.array(condition).default([]),
    phase: z.enum(ROLLOUT_PHASES).optional(),
    /** Index in the steps; their number once all are done. */
    step: z.number().int().optional(),
    /** Share of the old version's traffic that the new one has. */
    weight: z.number().optional(),
    /** Counts its tries. */
    attempt: z.number().int().optional(),
    startedAt: z.string().optional(),
    stepStartedAt: z.string().optional(),
    /** Units that the new version had had when the weight of now began. */
    unitsBefore: z.number().optional(),
    /** From when `maxDuration` counts. */
    clockFrom: z.string().optional(),
    endedAt: z.string().optional(),
    /** Who or what holds it: a step, a person, the time that is up. */
    pausedBy: z.enum(['step', 'user', 'timeout']).optional(),
    message: z.string().optional(),
    analysis: z.array(metricReport).optional(),
    checks: z.array(checkReport).optional(),
    /** Since when the new version gets nothing, because it is not ready. */
    heldSince: z.string().optional(),
    history: z.array(z.strictObject({ time: z.string(), event: z.string(), message: z.string() })).default([]),
  }),
  immutable: ['route', 'from', 'to', 'steps', 'analysis'],
  references(spec): Reference[] {
    return [
      { path: ['spec', 'route'], kind: 'Route', name: spec.route },
      { path: ['spec', 'from'], kind: 'ModelVersion', name: spec.from },
      { path: ['spec', 'to'], kind: 'ModelVersion', name: spec.to },
      ...(spec.preview?.consumers ?? []).map(
        (name, i): Reference => ({ path: ['spec', 'preview', 'consumers', i], kind: 'Consumer', name }),
      ),
    ]
  },
})
