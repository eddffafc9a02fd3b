/** One release, judged after every unit by Strata's tests, and beside it by tests that are repeated as if each look were the only one. */
import { refutedOfAny } from '../../src/orchestration/statistics/combine.ts'
import {
  type DifferenceTest,
  observeUnits,
  startDifferenceTest,
  type Unit as Value,
} from '../../src/orchestration/statistics/difference.ts'
import { NaiveTests } from './naive.ts'
import { frozenThreshold, type Traffic, type Unit, unitsOf } from './traffic.ts'

export interface Trial {
  readonly traffic: Traffic
  readonly metrics: readonly ('errors' | 'slow')[]
  readonly seed: number
  /** Units after which the release ends without a rollback. */
  readonly units: number
  readonly alpha: number
  /** Also do what others do. It looks every `naiveEvery` units. */
  readonly naiveEvery?: number
}

export interface Result {
  /** Units of both arms until the rollback. Absent: none. */
  readonly rollbackAfter?: number
  readonly naive: { readonly tTest: boolean; readonly mannWhitney: boolean }
}

const NO_WORSE = { is: 'atMost', difference: 0 } as const
/** So many units at once: the tests keep the peak of what was seen after each. */
const PIECE = 50

export function releaseOnce({ traffic, metrics, seed, units, alpha, naiveEvery }: Trial): Result {
  const threshold = frozenThreshold(traffic, seed)
  const source = unitsOf(traffic, seed)
  const naive = naiveEvery === undefined ? undefined : new NaiveTests(alpha)
  let tests: DifferenceTest[] = metrics.map(() => startDifferenceTest(NO_WORSE))
  let rollbackAfter: number | undefined
  for (let seen = 0; seen < units; seen += PIECE) {
    const piece = Array.from({ length: Math.min(PIECE, units - seen) }, () => source.next().value as Unit)
    if (rollbackAfter === undefined) {
      tests = tests.map((test, i) =>
        observeUnits(
          test,
          piece.map((unit) => outcomeOf(unit, metrics[i] as 'errors' | 'slow', threshold, traffic.share)),
        ),
      )
      if (refutedOfAny(tests, alpha).length > 0) rollbackAfter = seen + piece.length
    }
    if (naive && naiveEvery) {
      for (const unit of piece) naive.observe(unit)
      if ((seen + piece.length) % naiveEvery < PIECE) naive.look()
    } else if (rollbackAfter !== undefined) break
  }
  return {
    ...(rollbackAfter !== undefined ? { rollbackAfter } : {}),
    naive: { tTest: naive?.tTest ?? false, mannWhitney: naive?.mannWhitney ?? false },
  }
}

/** One bounded value for the unit: any error, or its share of slow requests. */
function outcomeOf(unit: Unit, metric: 'errors' | 'slow', threshold: number, share: number): Value {
  const arm = unit.candidate ? 'candidate' : 'baseline'
  if (metric === 'errors') return { arm, value: unit.errors.includes(true) ? 1 : 0, share }
  return { arm, value: unit.latencies.filter((latency) => latency > threshold).length / unit.latencies.length, share }
}
