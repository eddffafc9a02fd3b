/** The gateway's metrics, named and explained in one place. */
import type { Counter, Gauge, Histogram, Labelled, Metrics } from '../monitoring/metrics/index.ts'
import type { Outcome } from '../monitoring/request-records.ts'

/** Found without putting labels together; of more than these the next look-up begins anew. */
const MOST_VERSIONS = 1_000
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** What is counted of every request to one version by one route; looked up once, not label by label each time. */
export interface VersionMetrics {
  readonly duration: Histogram
  readonly firstToken: Histogram
  readonly tokensIn: Counter
  readonly tokensCached: Counter
  readonly tokensOut: Counter
  requests(outcome: Outcome): Counter
}

/** Of requests that wait for a version to start. */
export interface HoldMetrics {
  of(version: string): { readonly waiting: Gauge; readonly seconds: Histogram }
  /** By version and reason: `full`, `overdue`. */
  readonly refused: Labelled<Counter>
}

export function gatewayMetrics(metrics: Metrics) {
  const requests = metrics.counter('strata_requests_total', 'Requests by route, assigned version and outcome.', [
    'route',
    'version',
    'outcome',
  ])
  const duration = metrics.histogram('strata_request_duration_seconds', 'From the request line to the end of the answer.', SECONDS, [
    'route',
    'version',
  ])
  const firstToken = metrics.histogram(
    'strata_time_to_first_token_seconds',
    'From the request line to the first token of a streamed answer.',
    SECONDS,
    ['route', 'version'],
  )
  const tokens = metrics.counter('strata_tokens_total', 'Tokens by route, version and kind (in, cached, out).', [
    'route',
    'version',
    'kind',
  ])

  const measure = (route: string, version: string): VersionMetrics => {
    const outcomes = new Map<Outcome, Counter>()
    return {
      duration: duration.with(route, version),
      firstToken: firstToken.with(route, version),
      tokensIn: tokens.with(route, version, 'in'),
      tokensCached: tokens.with(route, version, 'cached'),
      tokensOut: tokens.with(route, version, 'out'),
      requests(outcome) {
        let counter = outcomes.get(outcome)
        if (!counter) {
          counter = requests.with(route, version, outcome)
          outcomes.set(outcome, counter)
        }
        return counter
      },
    }
  }
  const attempts = metrics.counter('strata_upstream_attempts_total', 'Attempts by version and result.', ['version', 'result'])
  const holding = metrics.gauge('strata_requests_held', 'Requests that wait for their version to start.', ['version'])
  const held = metrics.histogram(
    'strata_hold_seconds',
    'How long requests waited for their version to start, however that ended.',
    SECONDS,
    ['version'],
  )
  const byVersion = new Map<string, Map<string, Counter>>()
  const byRoute = new WeakMap<object, Map<string, VersionMetrics>>()

  return {
    /** Of a request that came as far as a route. */
    of(route: { readonly name: string }, version: string): VersionMetrics {
      let versions = byRoute.get(route)
      if (!versions) {
        versions = new Map()
        byRoute.set(route, versions)
      }
      let known = versions.get(version)
      if (!known) {
        known = measure(route.name, version)
        versions.set(version, known)
      }
      return known
    },
    /** Of an attempt; `error` is undefined where there was none. */
    attempts(version: string, error = 'ok'): Counter {
      let results = byVersion.get(version)
      if (!results) {
        if (byVersion.size >= MOST_VERSIONS) byVersion.clear()
        results = new Map()
        byVersion.set(version, results)
      }
      let counter = results.get(error)
      if (!counter) {
        counter = attempts.with(version, error)
        results.set(error, counter)
      }
      return counter
    },
    holds: {
      of: (version) => ({ waiting: holding.with(version), seconds: held.with(version) }),
      refused: metrics.counter(
        'strata_hold_refused_total',
        'Requests that did not wait for a version to start because as many did already (full), or whose time was over (overdue).',
        ['version', 'reason'],
      ),
    } satisfies HoldMetrics as HoldMetrics,
    /** Of one that did not. */
    unrouted: (outcome: Outcome) => requests.with('', '', outcome),
    inFlight: metrics.gauge('strata_requests_in_flight', 'Requests that are being answered.').with(),
    refused: metrics.counter('strata_refused_total', 'Requests refused before they reached a model, by error code.', ['code']),
    limited: metrics.counter('strata_limited_total', 'Requests over a limit, by limit and sort.', ['limit', 'sort']),
    feedback: metrics.counter('strata_feedback_total', 'Feedback taken, by rating (up, down, or score where there was nothing else).', [
      'rating',
    ]),
    malformed: metrics.counter('strata_malformed_requests_total', 'Connections that did not speak HTTP properly, by reason.', ['reason']),
  }
}
export type GatewayMetrics = ReturnType<typeof gatewayMetrics>
