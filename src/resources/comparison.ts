/** What two versions are compared by, and what a comparison reports: of releases and of experiments. */
import { z } from 'zod'
import type { FieldPath } from './problems.ts'
import { atLeast } from './scalars.ts'

export const wait = atLeast('1s')

const points = z.number().min(0).max(99)

/** Times of a request that can be slow, and what a request can be measured by besides. */
export const TIME_METRICS = ['timeToFirstToken', 'timeBetweenTokens', 'totalTime'] as const
export const AMOUNT_METRICS = ['tokensPerAnswer', 'cost'] as const

const judged = {
  harmMargin: points
    .default(0)
    .meta({ description: 'Proven worse than the baseline by more than this, in percentage points: the release is rolled back.' }),
  margin: points.optional().meta({ description: 'Proven not worse by as much as this, in percentage points: it may be promoted.' }),
  watch: z.boolean().default(false).meta({ description: 'Only shown; decides nothing.' }),
}

export const metric = z
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

export type Metric = z.infer<typeof metric>

export const windows = {
  window: wait
    .default('1m')
    .meta({ description: 'How long a request is waited for. One that has not begun to answer by then has failed.' }),
  unitWindow: wait
    .default('1h')
    .meta({ description: 'Where callers stay on a version: how long each is watched, from its first request. It counts once.' }),
  feedbackWindow: wait
    .default('10m')
    .meta({ description: 'How long feedback on an answer is waited for. Units are counted in order, so the metric is as much behind.' }),
}

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

/** What is wrong with metrics beside each other. Paths begin at the list. */
export function metricMisfits(
  metrics: readonly Metric[],
): { readonly path: FieldPath; readonly message: string; readonly expected: string }[] {
  return metrics.flatMap((each, i) => {
    const twice = metrics.findIndex((other) => metricKey(other) === metricKey(each)) < i
    const misfits: ReturnType<typeof metricMisfits> = twice
      ? [{ path: [i, 'name'], message: `${metricKey(each)} stands here twice`, expected: 'each once' }]
      : []
    if (each.margin !== undefined && !each.watch && each.margin <= each.harmMargin)
      misfits.push({
        path: [i, 'margin'],
        message: `what is worse by ${each.margin} points would be proven harmful and harmless at once, as \`harmMargin\` is ${each.harmMargin}`,
        expected: `more than ${each.harmMargin}`,
      })
    return misfits
  })
}

/** "errorRate", "totalTime p95" */
export function metricKey(each: { readonly name: string; readonly quantile?: number }): string {
  return each.quantile === undefined ? each.name : `${each.name} p${each.quantile}`
}
