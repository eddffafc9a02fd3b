/** What `/metrics` of an engine tells. */
import { Metrics } from '../../monitoring/metrics/index.ts'
import { addProcessMetrics } from '../../monitoring/metrics/process.ts'
import type { EngineConfig, EngineLoad } from './config.ts'
import type { EngineCounters } from './engine.ts'

export type Outcome = 'ok' | 'refused' | 'failed' | 'aborted'

export interface EngineMetrics {
  finished(path: string, outcome: Outcome, ms: number): void
  /** From admission to the first token. */
  firstToken(ms: number): void
  text(): string
}

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export interface Observed {
  ready(): boolean
  load(): EngineLoad
  counters(): EngineCounters | undefined
}

export function engineMetrics(config: EngineConfig, observed: Observed): EngineMetrics {
  const metrics = new Metrics({ instance: config.id, version: config.version.name })
  const gauge = (name: string, help: string, read: () => number) => metrics.computed(`strata_engine_${name}`, help, read)
  const counter = (name: string, help: string, read: (counters: EngineCounters) => number) =>
    metrics.computed(
      `strata_engine_${name}`,
      help,
      () => {
        const counters = observed.counters()
        return counters ? read(counters) : 0
      },
      'counter',
    )
  gauge('ready', '1 when requests are answered.', () => (observed.ready() ? 1 : 0))
  gauge('requests_running', 'Answers being written.', () => observed.load().running)
  gauge('requests_waiting', 'Answers waiting for a slot.', () => observed.load().waiting)
  gauge('slots', 'Answers that can be written at the same time.', () => observed.load().sequences)
  gauge('tokens_per_second', 'Tokens generated in the last second.', () => observed.load().tokensPerSecond)
  gauge('kv_used_tokens', 'Cells of the KV cache in use, kept prefixes included.', () => observed.load().kvUsedTokens)
  gauge('kv_total_tokens', 'Cells of the KV cache.', () => observed.load().kvTotalTokens)
  counter('prompt_tokens_total', 'Tokens of prompts.', ({ promptTokens }) => promptTokens)
  counter('cached_tokens_total', 'Tokens of prompts that were still in the KV cache.', ({ cachedTokens }) => cachedTokens)
  counter('completion_tokens_total', 'Tokens generated.', ({ completionTokens }) => completionTokens)
  const requests = metrics.counter('strata_engine_requests_total', 'Requests by path and outcome.', ['path', 'outcome'])
  const durations = metrics.histogram('strata_engine_request_duration_seconds', 'From the request to the end of its answer.', SECONDS, [
    'path',
  ])
  const firstTokens = metrics.histogram('strata_engine_time_to_first_token_seconds', 'From admission to the first token.', SECONDS).with()
  addProcessMetrics(metrics)
  return {
    finished(path, outcome, ms) {
      requests.with(path, outcome).inc()
      if (outcome === 'ok') durations.with(path).observe(ms / 1000)
    },
    firstToken: (ms) => firstTokens.observe(ms / 1000),
    text: () => metrics.text(),
  }
}
