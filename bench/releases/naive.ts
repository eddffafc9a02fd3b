/**
 * What is usually done: a t-test of the error rates and a Mann-Whitney test of the latencies (Kayenta's way) over the requests so far, each one-sided at
 * the level that is right for a single look, repeated at every look.
 */
import type { Unit } from './traffic.ts'

/** Latencies are counted in cells of 1 %, so that ranks need no sorting; equal cells are ties, which the test allows for. */
const CELLS = 1_200
const cellOf = (latency: number): number => Math.min(CELLS - 1, Math.max(0, Math.floor(Math.log(latency) * 100) + CELLS / 2))

export class NaiveTests {
  tTest = false
  mannWhitney = false
  readonly #critical: number
  readonly #requests: [number, number] = [0, 0]
  readonly #errors: [number, number] = [0, 0]
  readonly #latencies = [new Float64Array(CELLS), new Float64Array(CELLS)] as const

  constructor(alpha: number) {
    this.#critical = criticalValue(alpha)
  }

  observe(unit: Unit): void {
    const arm = unit.candidate ? 1 : 0
    const cells = this.#latencies[arm]
    for (const error of unit.errors) if (error) this.#errors[arm]++
    for (const latency of unit.latencies) {
      const cell = cellOf(latency)
      cells[cell] = (cells[cell] as number) + 1
    }
    this.#requests[arm] += unit.latencies.length
  }

  look(): void {
    const [n, m] = this.#requests
    const [p, q] = [this.#errors[0] / n, this.#errors[1] / m]
    if (q - p > this.#critical * Math.sqrt((p * (1 - p)) / n + (q * (1 - q)) / m)) this.tTest = true
    if (this.#rankSum() > this.#critical) this.mannWhitney = true
  }

  /** The statistic of Mann and Whitney, standardised, corrected for ties. */
  #rankSum(): number {
    const [n, m] = this.#requests
    let below = 0
    let sum = 0
    let ties = 0
    for (let cell = 0; cell < CELLS; cell++) {
      const [a, b] = [this.#latencies[0][cell] as number, this.#latencies[1][cell] as number]
      sum += b * (below + (a + b + 1) / 2)
      below += a + b
      ties += (a + b) ** 3 - (a + b)
    }
    const all = n + m
    const variance = ((n * m) / 12) * (all + 1 - ties / (all * (all - 1)))
    return (sum - (m * (all + 1)) / 2) / Math.sqrt(variance)
  }
}

/** Upper quantile of the normal distribution, by bisection of its complementary error function (Abramowitz and Stegun 7.1.26; 1.5e-7). */
export function criticalValue(alpha: number): number {
  let [low, high] = [0, 10]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (upperTail(middle) > alpha) low = middle
    else high = middle
  }
  return low
}

function upperTail(z: number): number {
  const x = z / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return (polynomial * Math.exp(-x * x)) / 2
}
