/**
 * Replays requests against a policy: instances come and go as it wants, each serves as its curve says, and every request ends exactly once.
 *
 * Discrete events, one after the other, no chance in it: the same requests and the same policy give the same result to the last digit. A request goes
 * to the ready instance with the least outstanding work, as the gateway has it (src/balancing), and stays there; while none is ready it waits in front.
 */
import { type Outstanding, rankOf } from '../../balancing/rank.ts'
import { PromptPace } from '../../balancing/unread-prompts.ts'
import { type BoundedPolicy, bounded } from '../autoscaling/bounds.ts'
import { existing, type Policy, type Sample } from '../autoscaling/policy.ts'
import { type Listener, SimulatedInstance } from './instance.ts'
import { Meter, quantile } from './meter.ts'
import { durationOf } from './requests.ts'
import type { DecisionRecord, Ending, Outcome, Scenario, SimulationOptions, TimelinePoint } from './scenario.ts'

export function simulate(scenario: Scenario, policy: Policy<never> | Policy, options: SimulationOptions = {}): Outcome {
  return new Simulation(scenario, bounded(policy as Policy, scenario.bounds), options).run()
}

class Simulation {
  readonly #scenario: Scenario
  readonly #policy: BoundedPolicy
  readonly #options: SimulationOptions
  readonly #listener: Listener
  /** Those that exist, by creation. */
  #instances: SimulatedInstance[] = []
  readonly #stopped: { createdAt: number; stoppedAt: number }[] = []
  /** Requests that came while no instance was ready. */
  #front: number[] = []
  readonly #firstTokens: Float64Array
  #state: unknown
  #created = 0
  #most = 0
  #wanted: number
  readonly #counts = { requests: 0, late: 0, refused: 0, timedOut: 0 }
  readonly #timeline: TimelinePoint[] = []
  readonly #decisions: DecisionRecord[] = []
  #point = { until: 0, arrivals: 0, misses: 0 }

  readonly #meter: Meter
  readonly #pace = new PromptPace()
  readonly #rank: (outstanding: Outstanding) => number

  constructor(scenario: Scenario, policy: BoundedPolicy, options: SimulationOptions) {
    this.#scenario = scenario
    this.#policy = policy
    this.#options = options
    this.#rank = options.rank ?? rankOf
    this.#state = policy.start
    this.#wanted = scenario.initial
    this.#meter = new Meter(scenario.curve, scenario.requests, scenario.tickMs)
    this.#firstTokens = new Float64Array(scenario.requests.length).fill(Number.NaN)
    this.#listener = {
      firstToken: (request, at) => {
        const took = at - scenario.requests.at[request]!
        this.#firstTokens[request] = took
        this.#meter.firstToken(took)
        this.#end(request, took > scenario.objectiveMs ? 'late' : 'ok', took)
      },
      finished: (_request, at) => {
        this.#meter.finished(at)
      },
      timedOut: (request, at) => {
        this.#meter.left(at)
        this.#end(request, 'timedOut', undefined)
      },
    }
    for (let i = 0; i < scenario.initial; i++) this.#create(0, 0)
  }

  run(): Outcome {
    const { requests, tickMs } = this.#scenario
    const end = durationOf(requests)
    for (const instance of this.#instances) instance.begin(0)
    let next = 0
    let tick = tickMs
    for (;;) {
      let soonest: SimulatedInstance | undefined
      let at = Number.POSITIVE_INFINITY
      for (const instance of this.#instances)
        if (instance.nextAt < at) {
          at = instance.nextAt
          soonest = instance
        }
      const arrival = next < requests.length ? requests.at[next]! : Number.POSITIVE_INFINITY
      if (tick <= at && tick <= arrival) {
        if (next >= requests.length && this.#meter.inSystem === 0) break
        this.#tick(tick)
        tick += tickMs
      } else if (arrival <= at) {
        this.#arrive(next++, arrival)
      } else if (soonest) {
        if (soonest.phase === 'starting') this.#begin(soonest, at)
        else soonest.happen(at)
        if (soonest.phase === 'stopped') this.#remove(soonest)
      }
    }
    return this.#outcome(end)
  }

  #create(at: number, readyAt: number): void {
    const { curve, requests, timeoutMs } = this.#scenario
    const [pace, listener] = [this.#pace, this.#listener]
    this.#instances.push(new SimulatedInstance({ curve, requests, pace, listener, timeoutMs, createdAt: at, readyAt }))
    this.#created += 1
  }

  #begin(instance: SimulatedInstance, at: number): void {
    instance.begin(at)
    const front = this.#front
    this.#front = []
    for (const request of front) instance.accept(request, at)
  }

  #remove(instance: SimulatedInstance): void {
    this.#instances.splice(this.#instances.indexOf(instance), 1)
    this.#stopped.push(instance)
    this.#meter.gone(instance)
  }

  #arrive(request: number, at: number): void {
    this.#meter.arrived(request)
    this.#point.arrivals += 1
    if (at >= this.#scenario.warmupMs) this.#counts.requests += 1
    let least: SimulatedInstance | undefined
    let lowest = Number.POSITIVE_INFINITY
    const { sequences } = this.#scenario.curve
    for (const instance of this.#instances) {
      if (instance.phase !== 'ready') continue
      const rank = this.#rank({ inFlight: instance.inFlight, sequences, unread: instance.unread.outstanding(at) })
      if (rank < lowest) {
        lowest = rank
        least = instance
      }
    }
    if ((least?.waiting ?? this.#front.length) >= this.#scenario.queue) {
      this.#end(request, 'refused', undefined)
      return
    }
    this.#meter.entered(at)
    if (least) least.accept(request, at)
    else this.#front.push(request)
  }

  #end(request: number, ending: Ending, firstTokenMs: number | undefined): void {
    this.#options.onEnd?.(request, ending, firstTokenMs)
    if (ending === 'ok') return
    this.#point.misses += 1
    this.#meter.missed()
    if (this.#scenario.requests.at[request]! >= this.#scenario.warmupMs) this.#counts[ending] += 1
  }

  #tick(at: number): void {
    const { requests, timeoutMs, startupMs } = this.#scenario
    while (this.#front.length > 0 && at - requests.at[this.#front[0]!]! >= timeoutMs) this.#listener.timedOut(this.#front.shift()!, at)
    for (const instance of [...this.#instances]) {
      instance.expire(at)
      if (instance.phase === 'stopped') this.#remove(instance)
    }
    const sample = this.#meter.sample(at, this.#instances, this.#front)
    const decision = this.#policy.decide(this.#state as never, sample, at)
    this.#state = decision.state
    const before = existing(sample)
    const changes = decision.wanted !== this.#wanted || decision.wanted !== before
    this.#wanted = decision.wanted
    if (changes && this.#decisions.length < (this.#options.keepDecisions ?? 0))
      this.#decisions.push({ at, wanted: decision.wanted, reason: decision.reason, inputs: decision.inputs })
    for (let i = before; i < decision.wanted; i++) this.#create(at, at + startupMs)
    if (decision.wanted < before) this.#takeAway(before - decision.wanted, at)
    this.#most = Math.max(this.#most, this.#instances.length)
    this.#draw(at, sample)
  }

  /** Those that have answered nobody yet go first, then those that came last. */
  #takeAway(count: number, at: number): void {
    const newestFirst = this.#instances.toReversed()
    const leaving = [
      ...newestFirst.filter(({ phase }) => phase === 'starting'),
      ...newestFirst.filter(({ phase }) => phase === 'ready'),
    ].slice(0, count)
    for (const instance of leaving) {
      instance.drain(at)
      if (instance.phase === 'stopped') this.#remove(instance)
    }
  }

  #draw(at: number, sample: Sample): void {
    const every = this.#options.timelineMs
    if (every === undefined || at < this.#point.until) return
    const { arrivals, misses } = this.#point
    const after = this.#instances.filter(({ phase }) => phase === 'ready' || phase === 'starting').length
    this.#timeline.push({
      at,
      wanted: this.#wanted,
      existing: after,
      ready: sample.ready,
      arrivals,
      misses,
      concurrency: sample.concurrency,
    })
    this.#point = { until: at + every, arrivals: 0, misses: 0 }
  }

  #outcome(end: number): Outcome {
    const { warmupMs, requests } = this.#scenario
    let ms = 0
    for (const { createdAt, stoppedAt } of [...this.#stopped, ...this.#instances])
      ms += Math.max(0, Math.min(stoppedAt, end) - Math.max(createdAt, warmupMs))
    const latencies = this.#firstTokens.filter((took, i) => !Number.isNaN(took) && requests.at[i]! >= warmupMs).sort()
    const { late, refused, timedOut, requests: counted } = this.#counts
    const misses = late + refused + timedOut
    return {
      ...{ policy: this.#policy.name, requests: counted, late, refused, timedOut, misses },
      missShare: counted === 0 ? 0 : misses / counted,
      firstTokenP50Ms: quantile(latencies, 0.5) ?? 0,
      firstTokenP95Ms: quantile(latencies, 0.95) ?? 0,
      firstTokenP99Ms: quantile(latencies, 0.99) ?? 0,
      instanceHours: ms / 3_600_000,
      meanInstances: end > warmupMs ? ms / (end - warmupMs) : 0,
      ...{ mostInstances: this.#most, created: this.#created, timeline: this.#timeline, decisions: this.#decisions },
    }
  }
}
