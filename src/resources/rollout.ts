import { z } from 'zod'
import { metric, metricReport, wait, windows } from './comparison.ts'
import { defineKind, type Reference } from './kind.ts'
import { condition, duration, httpAddress, resourceName, secretReference } from './scalars.ts'

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
      .meta({ description: 'Units that the new version must have had at a weight before the next one.' }),
    ...windows,
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
