/**
 * What the statistics of releases do in the long run: how often they cry wolf over equal arms, looked at after every unit, and how soon they see harm.
 *
 *   npx strata --node bench/releases.ts [--runs 2000] [--units 100000] [--naive-runs 200] [--seed 1]
 *
 * Beside them, on the same traffic: a t-test and a Mann-Whitney test, repeated every 1,000 units.
 */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { criticalValue } from './releases/naive.ts'
import type { Effect, Shape } from './releases/traffic.ts'
import { type Result, releaseOnce, type Trial } from './releases/trial.ts'

const ALPHA = 0.01
const NOTHING: Effect = { errors: 1, latency: 1 }

if (isMainThread) await study()
else parentPort?.on('message', (trial: Trial) => parentPort?.postMessage(releaseOnce(trial)))

async function study(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '2000' },
      units: { type: 'string', default: '100000' },
      'naive-runs': { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
    },
  })
  const [runs, units, naiveRuns, first] = [values.runs, values.units, values['naive-runs'], values.seed].map(Number) as [
    number,
    number,
    number,
    number,
  ]
  const workers = Array.from({ length: availableParallelism() }, () => new Worker(new URL(import.meta.url)))
  const trials = (count: number, rest: Omit<Trial, 'seed' | 'alpha'>) =>
    inTurn(
      workers,
      Array.from({ length: count }, (_, i): Trial => ({ ...rest, alpha: ALPHA, seed: first + i })),
    )

  const lines = [
    `| equal arms, ${units} units, α = 1 %, a look after each | false rollbacks | at most | repeated t-test | repeated Mann-Whitney |`,
    '|---|---:|---:|---:|---:|',
  ]
  for (const shape of ['independent', 'clustered', 'diurnal'] satisfies Shape[]) {
    const rest = { traffic: { shape, effect: NOTHING, share: 0.5, errorRate: 0.01 }, metrics: ['errors', 'slow'], units } as const
    const results = await trials(runs, rest)
    const naive = await trials(naiveRuns, { ...rest, naiveEvery: 1_000 })
    const rolledBack = results.filter((result) => result.rollbackAfter !== undefined).length
    lines.push(
      `| ${shape} | ${rolledBack} of ${runs} | ${binomialBound(runs, ALPHA)} | ${percent(naive, (r) => r.naive.tTest)} | ${percent(naive, (r) => r.naive.mannWhitney)} |`,
    )
  }

  const doubled = await trials(runs, {
    traffic: { shape: 'independent', effect: { errors: 2, latency: 1 }, share: 0.5, errorRate: 0.01 },
    metrics: ['errors'],
    units,
  })
  const slower = await trials(runs, {
    traffic: { shape: 'independent', effect: { errors: 1, latency: 1.2 }, share: 0.5, errorRate: 0.01 },
    metrics: ['slow'],
    units: 40_000,
  })
  const fixed = fixedHorizon(0.01, 0.02)
  const sample = medianOf(doubled) / 2
  lines.push(
    '',
    '| harm, half of the units each | caught | median, units an arm | one look with 80 % power | ratio |',
    '|---|---:|---:|---:|---:|',
    `| error rate 1 % → 2 % | ${percent(doubled, (r) => r.rollbackAfter !== undefined)} | ${sample} | ${fixed} | ${(sample / fixed).toFixed(2)} |`,
    `| lognormal latency (σ = 0.5) × 1.2, within 20,000 an arm | ${percent(slower, (r) => r.rollbackAfter !== undefined)} | ${medianOf(slower) / 2} | | |`,
  )
  process.stdout.write(`${lines.join('\n')}\n`)
  await Promise.all(workers.map((worker) => worker.terminate()))
}

/** Each worker does one trial after the other. Results are in the order of the trials. */
async function inTurn(workers: readonly Worker[], trials: readonly Trial[]): Promise<Result[]> {
  const results = new Array<Result>(trials.length)
  let next = 0
  await Promise.all(
    workers.map(async (worker) => {
      for (let i = next++; i < trials.length; i = next++) {
        const answer = once(worker, 'message')
        worker.postMessage(trials[i])
        results[i] = (await answer)[0] as Result
      }
    }),
  )
  return results
}

/** Units an arm of a one-sided test at one look at level α with 80 % power (two proportions, unpooled). */
function fixedHorizon(p: number, q: number): number {
  return Math.ceil(((criticalValue(ALPHA) + criticalValue(0.2)) ** 2 * (p * (1 - p) + q * (1 - q))) / (q - p) ** 2)
}

/** The number that a binomial variable exceeds with a probability of at most 1 %. */
function binomialBound(count: number, p: number): number {
  let term = (1 - p) ** count
  let sum = term
  let k = 0
  while (sum < 0.99) {
    term *= ((count - k) / (k + 1)) * (p / (1 - p))
    sum += term
    k++
  }
  return k
}

function medianOf(results: readonly Result[]): number {
  const sorted = results.map((result) => result.rollbackAfter ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

function percent(results: readonly Result[], of: (result: Result) => boolean): string {
  return `${((100 * results.filter(of).length) / results.length).toFixed(1)} %`
}
