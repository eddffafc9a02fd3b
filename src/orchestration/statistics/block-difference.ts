/**
 * Evidence against a hypothesis on the difference of two means where what disturbs one unit disturbs those beside it: both arms' units of the same
 * moment make one block, of which only the difference of the two means counts.
 *
 * Why not unit by unit: a server that stops for a second makes all of its requests of that second slow at once. Counted one by one these are dozens of
 * witnesses, and two equal versions on a server each are told apart by who had the hiccup. A block is one witness however much traffic it has. The price
 * is that it takes time and not only traffic: at most ln 2 of evidence a block.
 *
 * Each block multiplies the evidence by 1 + λ(d − bound), d the difference of the block's means; the mean over several λ is an e-process, whatever the
 * dependence within a block (betting on a bounded mean: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86,
 * 2024, arXiv 2010.09686, section 4; the mixture instead of predictable bets, so that no variance has to be learnt first).
 */
import type { Hypothesis } from './difference.ts'

/** Means in [0, 1] of the units of one block. */
export interface Block {
  readonly baseline: number
  readonly candidate: number
}

/** Plain data: it can be stored as JSON and gone on with. */
export interface BlockTest {
  readonly hypothesis: Hypothesis
  readonly blocks: number
  /** Of the differences. */
  readonly sum: number
  readonly sumOfSquares: number
  /** Logarithm of what each stake has made of 1. */
  readonly logs: readonly number[]
  /** Natural logarithm of the evidence now, and of the greatest that ever was. */
  readonly log: number
  readonly peak: number
}

/** Parts of what can be staked without ever losing all. */
const STAKES = [0.95, 0.6, 0.35, 0.2, 0.1, 0.04] as const

/** @throws RangeError for a difference outside of (−1, 1). */
export function startBlockTest(hypothesis: Hypothesis): BlockTest {
  if (!(Math.abs(hypothesis.difference) < 1)) throw new RangeError(`difference must lie between −1 and 1, and is ${hypothesis.difference}`)
  return { hypothesis, blocks: 0, sum: 0, sumOfSquares: 0, logs: STAKES.map(() => 0), log: 0, peak: 0 }
}

/**
 * The test after these blocks, in the order of time.
 *
 * @throws RangeError for a mean outside of [0, 1].
 */
export function observeBlocks(test: BlockTest, blocks: Iterable<Block>): BlockTest {
  const { hypothesis } = test
  let { blocks: count, sum, sumOfSquares, log, peak } = test
  let logs = test.logs
  const stakes = stakesOf(hypothesis)
  for (const { baseline, candidate } of blocks) {
    if (!(baseline >= 0 && baseline <= 1 && candidate >= 0 && candidate <= 1))
      throw new RangeError(`means must lie in [0, 1], and are ${baseline} and ${candidate}`)
    const difference = candidate - baseline
    const won = gain(hypothesis, difference)
    logs = logs.map((each, i) => each + Math.log1p(stakes[i]! * won))
    count++
    sum += difference
    sumOfSquares += difference * difference
    log = logOfMean(logs)
    peak = Math.max(peak, log)
  }
  return { hypothesis, blocks: count, sum, sumOfSquares, logs, log, peak }
}

/**
 * How many more blocks it will take to refute the hypothesis at level `alpha` if the true difference is `truth` and blocks vary as so far.
 *
 * @returns A whole number; 0 once it is refuted, infinite where such a difference does not refute it.
 */
export function blocksMissing(test: BlockTest, alpha: number, truth: number): number {
  if (test.peak >= -Math.log(alpha)) return 0
  const { hypothesis, blocks, sum, sumOfSquares, logs } = test
  // A quarter: as if so little had been seen of it that its variance could be that of a coin.
  const variance = blocks < 2 ? 0.25 : Math.max(sumOfSquares / blocks - (sum / blocks) ** 2, 0) + 0.25 / blocks
  const mean = gain(hypothesis, truth)
  let least = Number.POSITIVE_INFINITY
  for (const [i, stake] of stakesOf(hypothesis).entries()) {
    const rate = stake * mean - (stake * stake * (variance + mean * mean)) / 2
    if (rate > 0) least = Math.min(least, (Math.log(STAKES.length / alpha) - logs[i]!) / rate)
  }
  return Math.max(1, Math.ceil(least))
}

/** What a stake of 1 wins: above 0 in the mean only where the hypothesis is false. */
function gain({ is, difference }: Hypothesis, seen: number): number {
  return is === 'atMost' ? seen - difference : difference - seen
}

/** The most that a block can lose is 1 with a stake of 1 over the greatest loss. */
function stakesOf({ is, difference }: Hypothesis): number[] {
  const greatestLoss = is === 'atMost' ? 1 + difference : 1 - difference
  return STAKES.map((stake) => stake / greatestLoss)
}

function logOfMean(logs: readonly number[]): number {
  const greatest = Math.max(...logs)
  return greatest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - greatest), 0) / logs.length)
}
