/** What a policy is told of each period, as the gateways and the instances of a running system would tell it. */
import type { Sample } from '../autoscaling/policy.ts'
import type { ServiceCurve } from '../autoscaling/service-curve.ts'
import { promptTokens, type SimulatedInstance } from './instance.ts'
import type { Requests } from './requests.ts'

/** Times are those of the simulation, and never go back. */
export class Meter {
  readonly #curve: ServiceCurve
  readonly #requests: Requests
  readonly #tickMs: number
  #inSystem = 0
  #inSystemMs = 0
  #countedUntil = 0
  #arrived = 0
  #arrivedTokens = 0
  #completed = 0
  #missed = 0
  #writtenBefore = 0
  #writtenByGone = 0
  #recent: number[] = []

  constructor(curve: ServiceCurve, requests: Requests, tickMs: number) {
    this.#curve = curve
    this.#requests = requests
    this.#tickMs = tickMs
  }

  /** Requests that wait or are answered. */
  get inSystem(): number {
    return this.#inSystem
  }

  arrived(request: number): void {
    this.#arrived += 1
    this.#arrivedTokens += promptTokens(this.#curve, this.#requests, request)
  }

  entered(at: number): void {
    this.#change(1, at)
  }

  /** Without an answer. Who waits in vain is noticed late, at a tick that another event may have passed. */
  left(at: number): void {
    this.#change(-1, Math.max(at, this.#countedUntil))
  }

  finished(at: number): void {
    this.#change(-1, at)
    this.#completed += 1
  }

  firstToken(took: number): void {
    this.#recent.push(took)
  }

  missed(): void {
    this.#missed += 1
  }

  /** The tokens that a stopped instance has written count on. */
  gone(instance: SimulatedInstance): void {
    this.#writtenByGone += instance.written
  }

  /** The period that ends now; the next begins. `front`: requests that came while no instance was ready. */
  sample(at: number, instances: readonly SimulatedInstance[], front: readonly number[]): Sample {
    this.#change(0, at)
    const [tickMs, requests] = [this.#tickMs, this.#requests]
    const perSecond = 1000 / tickMs
    let [ready, starting, draining, queued, kvUse] = [0, 0, 0, front.length, 0]
    let oldest = front.length > 0 ? requests.at[front[0]!]! : at
    let written = this.#writtenByGone
    for (const instance of instances) {
      if (instance.phase === 'ready') {
        ready += 1
        kvUse += instance.kvUse
      } else if (instance.phase === 'starting') starting += 1
      else draining += 1
      queued += instance.waiting
      oldest = Math.min(oldest, instance.oldestArrival ?? at)
      written += instance.written
    }
    const latencies = this.#recent.sort((a, b) => a - b)
    const sample: Sample = {
      ...{ at, periodMs: tickMs, ready, starting, draining, queued, oldestWaitMs: at - oldest },
      concurrency: this.#inSystemMs / tickMs,
      arrivals: this.#arrived * perSecond,
      tokensIn: this.#arrivedTokens * perSecond,
      tokensOut: Math.max(0, written - this.#writtenBefore) * perSecond,
      completions: this.#completed * perSecond,
      misses: this.#missed * perSecond,
      kvUse: ready > 0 ? kvUse / ready : 0,
      firstTokenP50Ms: quantile(latencies, 0.5),
      firstTokenP95Ms: quantile(latencies, 0.95),
    }
    this.#inSystemMs = 0
    this.#arrived = 0
    this.#arrivedTokens = 0
    this.#completed = 0
    this.#missed = 0
    this.#writtenBefore = written
    this.#recent = []
    return sample
  }

  #change(by: number, at: number): void {
    this.#inSystemMs += this.#inSystem * (at - this.#countedUntil)
    this.#countedUntil = at
    this.#inSystem += by
  }
}

/** Of sorted values, the nearest rank. */
export function quantile(sorted: ArrayLike<number>, share: number): number | undefined {
  return sorted.length === 0 ? undefined : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
}
