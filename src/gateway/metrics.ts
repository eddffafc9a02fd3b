/** The gateway's metrics, named and explained in one place. */
import type { Metrics } from '../monitoring/metrics/index.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export function gatewayMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('strata_requests_total', 'Requests by route, assigned version and outcome.', ['route', 'version', 'outcome']),
    duration: metrics.histogram('strata_request_duration_seconds', 'From the request line to the end of the answer.', SECONDS, [
      'route',
      'version',
    ]),
    firstToken: metrics.histogram(
      'strata_time_to_first_token_seconds',
      'From the request line to the first token of a streamed answer.',
      SECONDS,
      ['route', 'version'],
    ),
    tokens: metrics.counter('strata_tokens_total', 'Tokens by route, version and kind (in, cached, out).', ['route', 'version', 'kind']),
    inFlight: metrics.gauge('strata_requests_in_flight', 'Requests that are being answered.'),
    refused: metrics.counter('strata_refused_total', 'Requests refused before they reached a model, by error code.', ['code']),
    limited: metrics.counter('strata_limited_total', 'Requests over a limit, by limit and sort.', ['limit', 'sort']),
    attempts: metrics.counter('strata_upstream_attempts_total', 'Attempts by version and result.', ['version', 'result']),
    malformed: metrics.counter('strata_malformed_requests_total', 'Connections that did not speak HTTP properly, by reason.', ['reason']),
  }
}
export type GatewayMetrics = ReturnType<typeof gatewayMetrics>
