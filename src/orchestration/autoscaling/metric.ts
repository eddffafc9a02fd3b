/** What a target of instances can be set on. */
import type { Sample } from './policy.ts'

export type Metric = 'concurrency' | 'queued' | 'arrivals' | 'tokensIn' | 'tokensOut' | 'kvUse'

/** Of all ready instances together. The share of a cache that is in use counts once for each instance, so that a target is one of each. */
export function totalOf(sample: Sample, metric: Metric): number {
  return metric === 'kvUse' ? sample.kvUse * sample.ready : sample[metric]
}

/** "12 requests a second": what a number of it means. */
export const UNITS: Readonly<Record<Metric, string>> = {
  concurrency: 'requests at a time',
  queued: 'requests that wait',
  arrivals: 'requests a second',
  tokensIn: 'prompt tokens a second',
  tokensOut: 'tokens written a second',
  kvUse: 'full KV caches',
}
