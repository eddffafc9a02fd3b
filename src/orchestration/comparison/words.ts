/** What a comparison has shown, in sentences. Pure. */

import type { Metric } from '../../resources/comparison.ts'
import type { ComparisonPlan } from './comparison.ts'
import { meanOf, type Sum, type Sums } from './judgement.ts'

export function harmSentence(
  metric: Metric,
  { baseline, candidate }: Sums,
  { from, to, alpha }: Pick<ComparisonPlan, 'from' | 'to' | 'alpha'>,
  threshold: number | undefined,
): string {
  const what = WHAT[metric.name](threshold)
  const beyond = metric.harmMargin > 0 ? `, and ${metric.harmMargin} points are allowed` : ''
  return (
    `${to} is worse: ${what} ${share(candidate)} there and ${share(baseline)} on ${from} at the same time${beyond}. ` +
    `Of changes that do no harm at most ${number(alpha * 100)} % ever look like this.`
  )
}

const WHAT: Record<Metric['name'], (threshold: number | undefined) => string> = {
  errorRate: () => 'failed are',
  timeToFirstToken: (ms) => `slow to the first token (over ${time(ms)}) are`,
  timeBetweenTokens: (ms) => `slow between tokens (over ${time(ms)}) are`,
  totalTime: (ms) => `slow (over ${time(ms)}) are`,
  feedback: () => 'dissatisfied with their answers are, of those who said so,',
  tokensPerAnswer: () => 'tokens of an answer are, of the most,',
  cost: () => 'the cost of an answer is, of the most,',
}

/** @param pace Units a second, 0 where it is not known. */
export function missingSentence(missing: readonly { readonly metric: Metric; readonly units: number }[], pace: number): string {
  const most = missing.filter(({ units }) => units > 0).sort((a, b) => b.units - a.units)[0]
  if (!most) return ''
  const name = most.metric.name
  if (!Number.isFinite(most.units)) return `${name} cannot be judged at this weight.`
  const about = pace > 0 ? `, ${inAbout(most.units / pace)} at the pace so far` : '; so far there is no traffic to judge by'
  return `${name} wants about ${grouped(roughly(most.units))} more requests or callers${about}.`
}

export function inAbout(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`
  if (seconds < 5_400) return `about ${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `about ${Math.round(seconds / 3_600)} h`
  return `about ${Math.round(seconds / 86_400)} days`
}

/** Two digits are all that such an estimate is good for. */
export function roughly(units: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(units)) - 1)
  return Math.ceil(units / step) * step
}

function share(sum: Sum): string {
  return `${number(100 * meanOf(sum))} % of ${grouped(sum.units)}`
}

const number = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(1))
export const grouped = (value: number) => value.toLocaleString('en-US')
const time = (ms: number | undefined) =>
  ms === undefined ? 'the threshold' : ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms)} ms`
