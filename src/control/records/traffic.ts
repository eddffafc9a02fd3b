/**
 * The last minute of traffic, by the second. Counts are exact; latencies are kept raw, at most a fixed number a second (a uniform sample
 * beyond that), so that percentiles come from values and not from averages.
 */
import type { FinishedRecord, Outcome, RequestRecord, StartedRecord } from '../../monitoring/request-records.ts'
import { momentOf } from './moment.ts'
import type { Rates, TrafficEvent } from './traffic-event.ts'

const WINDOW = 60
const SAMPLES_PER_SECOND = 500
/** A request that never finishes (its gateway was killed) is forgotten after this. */
const LONGEST_MS = 30 * 60_000
const MOST_RUNNING = 100_000
/** Records arrive up to this much later than they happened. */
const DELAY_MS = 400

const OUR_FAULT: ReadonlySet<Outcome> = new Set(['upstream_error', 'timeout', 'overloaded', 'cut'])

interface Where {
  readonly route?: string
  readonly version?: string
  readonly instance?: string
  readonly consumer?: string
}
interface Counted extends Where {
  requests: number
  errors: number
  tokens: number
}
/** Columns: thirty thousand objects that live for a minute would keep the collector busy. Milliseconds; NaN where there was no token. */
interface Samples {
  readonly of: Counted[]
  readonly firstToken: number[]
  readonly total: number[]
}
interface Second {
  readonly at: number
  readonly counts: Map<string, Counted>
  readonly samples: Samples
  seen: number
}

export interface TrafficWindow {
  add(record: RequestRecord): void
  event(now: number): TrafficEvent
}

export function createTrafficWindow(random: () => number = Math.random): TrafficWindow {
  const seconds = new Map<number, Second>()
  const running = new Map<string, Where & { since: number }>()

  const second = (at: number): Second => {
    let found = seconds.get(at)
    if (!found) {
      found = { at, counts: new Map(), samples: { of: [], firstToken: [], total: [] }, seen: 0 }
      seconds.set(at, found)
      for (const old of seconds.keys()) if (old < at - WINDOW - 5) seconds.delete(old)
    }
    return found
  }
  const counted = (at: number, key: string, record: FinishedRecord): Counted => {
    const { counts } = second(at)
    let found = counts.get(key)
    if (!found) {
      found = { ...whereOf(record), requests: 0, errors: 0, tokens: 0 }
      counts.set(key, found)
    }
    return found
  }

  const finish = (record: FinishedRecord) => {
    const key = `${record.namespace}\u0000${record.route}\u0000${record.assigned}\u0000${record.instance}\u0000${record.consumer}`
    const end = momentOf(record)
    const at = Math.floor(end / 1000)
    const count = counted(at, key, record)
    count.requests += 1
    if (OUR_FAULT.has(record.outcome)) count.errors += 1
    const here = second(at)
    here.seen += 1
    const { of, firstToken, total } = here.samples
    const place = of.length < SAMPLES_PER_SECOND ? of.length : Math.floor(random() * here.seen)
    if (place < SAMPLES_PER_SECOND) {
      of[place] = count
      firstToken[place] = record.times.firstToken ?? Number.NaN
      total[place] = record.times.total
    }
    // Tokens belong to the seconds in which they came, not to the one in which the answer ended.
    const tokens = record.tokens?.out ?? 0
    if (tokens === 0) return
    const from = Math.max(end - record.times.total + (record.times.firstToken ?? 0), (at - WINDOW) * 1000)
    const first = Math.min(at, Math.floor(from / 1000))
    for (let s = first; s <= at; s++) counted(s, key, record).tokens += tokens / (at - first + 1)
  }

  return {
    add(record) {
      if (record.type === 'progress' || record.type === 'feedback') return
      if (record.type === 'started') {
        if (running.size < MOST_RUNNING) running.set(record.id, { ...whereOf(record), since: momentOf(record) - record.after })
        return
      }
      running.delete(record.id)
      finish(record)
    },

    event(now) {
      for (const [id, { since }] of running) {
        if (since > now - LONGEST_MS) break // in order of their start
        running.delete(id)
      }
      const end = Math.floor((now - DELAY_MS) / 1000)
      const window = Array.from({ length: WINDOW }, (_, i) => seconds.get(end - WINDOW + i))
      const groups = {
        total: new Groups(),
        routes: new Groups(),
        versions: new Groups(),
        consumers: new Groups(),
        instances: new Groups(),
        edges: new Groups(),
      }
      const into = (where: Where, add: (group: Group) => void) => {
        add(groups.total.of(''))
        if (where.route) add(groups.routes.of(where.route))
        if (where.version) add(groups.versions.of(where.version))
        if (where.consumer) add(groups.consumers.of(where.consumer))
        if (where.instance) add(groups.instances.of(where.instance))
        if (where.route && where.version) add(groups.edges.of(`${where.route}\u0000${where.version}`))
      }
      for (const each of window) {
        for (const count of each?.counts.values() ?? [])
          into(count, (group) => {
            group.requests += count.requests
            group.errors += count.errors
            group.tokens += count.tokens
          })
        each?.samples.of.forEach((count, i) => {
          const total = each.samples.total[i]!
          const firstToken = each.samples.firstToken[i]!
          into(count, (group) => {
            group.totals.push(total)
            if (!Number.isNaN(firstToken)) group.firstTokens.push(firstToken)
          })
        })
      }
      for (const where of running.values())
        into(where, (group) => {
          group.running += 1
        })

      const sums = (read: (count: Counted) => number) =>
        window.map((each) => [...(each?.counts.values() ?? [])].reduce((sum, count) => sum + read(count), 0))
      const firstTokens = (q: number) =>
        window.map((each) => percentile(each?.samples.firstToken.filter((value) => !Number.isNaN(value)) ?? [], q) ?? null)
      return {
        time: end * 1000,
        windowSeconds: WINDOW,
        total: groups.total.of('').rates(),
        routes: groups.routes.all(),
        versions: groups.versions.all(),
        consumers: groups.consumers.all(),
        instances: groups.instances.all(),
        edges: Object.entries(groups.edges.all()).map(([key, rates]) => {
          const [route, version] = key.split('\u0000')
          return { route: route!, version: version!, ...rates }
        }),
        series: {
          requests: sums((count) => count.requests),
          errors: sums((count) => count.errors),
          tokens: sums((count) => Math.round(count.tokens)),
          firstTokenP50: firstTokens(0.5),
          firstTokenP95: firstTokens(0.95),
        },
      }
    },
  }
}

function whereOf(record: StartedRecord | FinishedRecord): Where {
  const inNamespace = (name: string | undefined) => (name === undefined ? undefined : `${record.namespace ?? 'default'}/${name}`)
  return {
    route: inNamespace(record.route),
    version: inNamespace(record.assigned),
    consumer: inNamespace(record.consumer),
    instance: record.type === 'finished' ? record.instance : undefined,
  }
}

class Group {
  requests = 0
  errors = 0
  tokens = 0
  running = 0
  readonly firstTokens: number[] = []
  readonly totals: number[] = []

  rates(): Rates {
    return {
      requestsPerSecond: round(this.requests / WINDOW),
      errorRate: this.requests === 0 ? 0 : round(this.errors / this.requests),
      tokensPerSecond: round(this.tokens / WINDOW),
      firstTokenP50: percentile(this.firstTokens, 0.5),
      firstTokenP95: percentile(this.firstTokens, 0.95),
      totalP95: percentile(this.totals, 0.95),
      running: this.running,
    }
  }
}

class Groups {
  readonly #groups = new Map<string, Group>()

  of(key: string): Group {
    let group = this.#groups.get(key)
    if (!group) {
      group = new Group()
      this.#groups.set(key, group)
    }
    return group
  }

  all(): Record<string, Rates> {
    return Object.fromEntries([...this.#groups].map(([key, group]) => [key, group.rates()]))
  }
}

/** Nearest rank. */
export function percentile(values: readonly number[], q: number): number | undefined {
  if (values.length === 0) return undefined
  const sorted = Float64Array.from(values).sort()
  return round(sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!)
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
