import { z } from 'zod'
import { AMOUNT_METRICS, metric, metricReport, TIME_METRICS, wait, windows } from './comparison.ts'
import { defineKind, type Reference } from './kind.ts'
import { sampling } from './model-version.ts'
import { stickyBy } from './route.ts'
import { condition, duration, resourceName } from './scalars.ts'

const arm = z
  .strictObject({
    name: resourceName.meta({ description: 'What it is called in results.' }),
    version: resourceName.meta({ description: 'Name of the `ModelVersion` that answers. Arms may share one.' }),
    weight: z.number().int().min(1).max(99).meta({ description: 'Share of the route, a whole percentage.' }),
    prompt: z
      .strictObject({
        system: z
          .string()
          .max(100_000)
          .meta({ description: 'In place of the prompt of the version, where a conversation brings none of its own.' }),
      })
      .optional()
      .meta({ description: 'What this arm puts before a conversation.' }),
    sampling: sampling.optional().meta({ description: 'In place of the defaults of the version; what a request says itself still holds.' }),
  })
  .meta({ description: 'One way of answering.' })

const minimumEffect = z.number().min(0.01).max(90).meta({
  description:
    'The smallest improvement that would be worth having, in percentage points. One that is proven to be smaller is no reason to change.',
})

const primary = z
  .discriminatedUnion('name', [
    z
      .strictObject({ name: z.literal('errorRate').meta({ description: 'The share of requests that failed.' }), minimumEffect })
      .meta({ title: 'errorRate', description: 'Share of requests that failed: fewer is better.' }),
    z
      .strictObject({
        name: z.enum(TIME_METRICS).meta({ description: 'Which time: until the first token, between two, or until the end.' }),
        quantile: z
          .union([z.literal(50), z.literal(90), z.literal(95), z.literal(99)])
          .default(95)
          .meta({ description: 'Slow is what is slower than this percentile of the control arm, as it was at first.' }),
        minimumEffect,
      })
      .meta({ title: 'A time', description: 'Share of requests that were slow: fewer is better.' }),
    z
      .strictObject({
        name: z.literal('feedback').meta({ description: 'What users thought of answers (`POST /v1/feedback`).' }),
        minimumEffect,
      })
      .meta({ title: 'feedback', description: 'Mean score of the answers that were rated: more is better.' }),
    z
      .strictObject({
        name: z.enum(AMOUNT_METRICS).meta({ description: 'What an answer took.' }),
        most: z.number().positive().meta({ description: 'What is more counts as this much: tokens, or the currency of the price.' }),
        minimumEffect,
      })
      .meta({ title: 'An amount', description: 'Mean of an answer, in percent of `most`: less is better.' }),
  ])
  .meta({ description: 'What the experiment is about.' })
export type Primary = z.infer<typeof primary>

/** Scores and amounts: of large numbers their mean is as good as normal, and what a caller did before foretells it. Errors and slowness are rare or clustered. */
export function isGradual({ name }: Pick<Primary, 'name'>): boolean {
  return name === 'feedback' || name === 'tokensPerAnswer' || name === 'cost'
}

export const EXPERIMENT_PHASES = ['Pending', 'Preparing', 'Running', 'Decided'] as const
export const DECISIONS = ['ship', 'keep', 'harm', 'inconclusive'] as const

/** Of one arm beside the control. Percentage points; above 0 is better than the control, whatever the metric. */
const effect = z.strictObject({
  /** Undefined until both arms have units. */
  value: z.number().optional(),
  low: z.number(),
  high: z.number(),
  /** Percent: it lies between `low` and `high` with this chance at least, at all times together. Absent of what an older program has written. */
  level: z.number().optional(),
  /** `exact` holds for any number of units; `asymptotic` for large ones (500 an arm and more). */
  by: z.enum(['exact', 'asymptotic']),
  /** The probability of such a result without any difference, at most; however often it is looked at. */
  p: z.number(),
  /** Share of the variance that is gone because callers were watched before (CUPED). */
  saved: z.number().optional(),
})
export type Effect = z.infer<typeof effect>

const armStatus = z.strictObject({
  name: z.string(),
  /** Callers, or requests where each is assigned by itself, that came to it. */
  exposed: z.number().int(),
  /** Absent of the control. */
  effect: effect.optional(),
  /** Of what it takes to prove it, from 0 to 1. `futile`: that it is not better by as much as `minimumEffect`. Absent of the control. */
  better: z.number().optional(),
  worse: z.number().optional(),
  futile: z.number().optional(),
  /** About how many units of both until it is shown to be better, if it is by `minimumEffect`. Absent where it is shown, where it is stopped, and where no number would do. */
  missing: z.number().int().optional(),
  /** The smallest level at which it would be rejected that units come to the control and to this arm as set. Absent of the control. */
  ratioP: z.number().optional(),
  /** Control and this arm: the primary metric, then the guardrails. Absent of the control. */
  metrics: z.array(metricReport).optional(),
  /** Units of this arm when it was proven not to be better by as much as `minimumEffect`, where that it does harm may still come out. */
  futileAt: z.number().int().optional(),
  /** Why it gets nothing any more. */
  stopped: z.enum(['harm', 'futile']).optional(),
  stoppedBecause: z.string().optional(),
  /** The metrics that were proven worse by then. */
  stoppedBy: z.array(z.string()).optional(),
  /** How the effect has narrowed: milliseconds since the epoch, value, low, high. */
  course: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])).optional(),
})
export type ArmStatus = z.infer<typeof armStatus>

export const experiment = defineKind({
  kind: 'Experiment',
  plural: 'experiments',
  aliases: ['experiment', 'exp'],
  description:
    'An A/B test: divides the callers of a route between versions, prompts or parameters, and decides by statistics that stay valid however often one looks whether one is better, none is, or one does harm.',
  spec: z.strictObject({
    route: resourceName.meta({ description: 'Name of the `Route`.' }),
    assignBy: stickyBy.optional().meta({
      description: 'Who is assigned: the unit that stays in its arm and is counted once. Default: as the `stickyBy` of the route.',
    }),
    arms: z
      .array(arm)
      .min(2)
      .max(8)
      .refine((arms) => arms.reduce((sum, { weight }) => sum + weight, 0) === 100, 'weights that add up to 100')
      .refine((arms) => new Set(arms.map(({ name }) => name)).size === arms.length, 'each name once')
      .meta({ description: 'What is compared: the first is the control, what there is now.' }),
    primary,
    guardrails: z
      .array(metric)
      .max(8)
      .default([{ name: 'errorRate', harmMargin: 0, margin: 0.5, watch: false }])
      .meta({ description: 'What must not become worse, whatever the primary metric does.' }),
    preparation: duration.default('0s').meta({
      description:
        'How long callers are watched at first, while all are served as the route says. What is known of each makes the comparison sharper (CUPED). For scores and amounts, where callers are assigned.',
    }),
    decision: z
      .strictObject({
        error: z.number().min(0.1).max(20).default(5).meta({
          description:
            'Percent, at most, of changes without any effect that are called better or harmful, and of worthwhile ones that are given up.',
        }),
        stopAfter: wait.default('14d').meta({ description: 'Undecided by then it is inconclusive.' }),
      })
      .default({ error: 5, stopAfter: '14d' })
      .meta({ description: 'When it ends.' }),
    analysis: z.strictObject(windows).prefault({}).meta({ description: 'How long is waited for what.' }),
  }),
  status: z.strictObject({
    observedGeneration: z.number().int().optional(),
    conditions: z.array(condition).default([]),
    phase: z.enum(EXPERIMENT_PHASES).optional(),
    decision: z.enum(DECISIONS).optional(),
    /** The arm that a decision is about. */
    arm: z.string().optional(),
    /** One sentence: why it is decided so, or what is missing. */
    message: z.string().optional(),
    startedAt: z.string().optional(),
    /** When callers began to be divided. */
    dividedAt: z.string().optional(),
    endedAt: z.string().optional(),
    /** Since when nobody is divided, because an arm cannot answer. */
    heldSince: z.string().optional(),
    arms: z.array(armStatus).optional(),
    /** Whether units come to the arms as set: the smallest level at which that would be rejected. */
    sampleRatio: z.strictObject({ p: z.number() }).optional(),
    /** Callers that were seen before they were divided. */
    prepared: z.number().int().optional(),
    history: z.array(z.strictObject({ time: z.string(), event: z.string(), message: z.string() })).default([]),
  }),
  immutable: ['route', 'assignBy', 'arms', 'primary', 'guardrails', 'preparation', 'decision', 'analysis'],
  references(spec): Reference[] {
    return [
      { path: ['spec', 'route'], kind: 'Route', name: spec.route },
      ...spec.arms.map(({ version }, i): Reference => ({ path: ['spec', 'arms', i, 'version'], kind: 'ModelVersion', name: version })),
    ]
  },
})
