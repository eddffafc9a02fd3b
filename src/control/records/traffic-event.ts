/** What one event of `GET /api/v1alpha1/traffic` carries: the last minute, aggregated. Types only. */

export interface Rates {
  /** Finished requests per second, mean over the window. */
  readonly requestsPerSecond: number
  /** Share of the finished requests that failed by our fault (5xx, time-outs, cuts), 0 to 1. */
  readonly errorRate: number
  /** Generated tokens per second. */
  readonly tokensPerSecond: number
  /** Milliseconds; absent when nothing in the window had a first token. */
  readonly firstTokenP50?: number
  readonly firstTokenP95?: number
  readonly totalP95?: number
  /** Started and not finished. */
  readonly running: number
}

export interface TrafficEvent {
  /** Milliseconds since the epoch: end of the window. */
  readonly time: number
  readonly windowSeconds: number
  readonly total: Rates
  /** By "namespace/name". */
  readonly routes: Readonly<Record<string, Rates>>
  readonly versions: Readonly<Record<string, Rates>>
  readonly consumers: Readonly<Record<string, Rates>>
  /** By instance id. */
  readonly instances: Readonly<Record<string, Rates>>
  /** From a route to a version, both "namespace/name". */
  readonly edges: readonly (Rates & { readonly route: string; readonly version: string })[]
  /** One value a second, oldest first; the last one is the second before `time`. */
  readonly series: {
    readonly requests: readonly number[]
    readonly errors: readonly number[]
    readonly tokens: readonly number[]
    readonly firstTokenP50: readonly (number | null)[]
    readonly firstTokenP95: readonly (number | null)[]
  }
}
