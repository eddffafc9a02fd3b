/**
 * What experiments decide on made-up callers: how often a change without any effect is called one, how soon one that is worth having is shipped, and what
 * watching callers before is worth. Beside it a t-test that is looked at again and again, as is usual.
 *
 * `npx strata --node bench/experiments.ts [--runs 300] [--callers 10000]`
 */
import { parseArgs } from 'node:util'
import { randomFrom } from '../src/kernel/random.ts'
import { type Lab, runLab } from '../src/orchestration/experiments/lab.ts'
import { type Moments, NO_MOMENTS, observeMoments, varianceOf } from '../src/orchestration/statistics/mean-asymptotic.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '300' }, callers: { type: 'string', default: '10000' } } })
const runs = Number(values.runs)
const callers = Number(values.callers)

type Outcome = Lab['outcome']
const failing =
  (control: number, other: number): Outcome =>
  (arm, _taste, random) => ({ failed: random() < (arm === 'control' ? control : other) })
/** Most of a score is the caller's own habit. */
const rated =
  (gain: number): Outcome =>
  (arm, taste, random) => ({ score: Math.min(1, Math.max(0, 0.1 + 0.6 * taste + 0.2 * random() + (arm === 'control' ? 0 : gain))) })

const feedback = { primary: { name: 'feedback', minimumEffect: 1 } }
const CASES: readonly (readonly [string, object, Outcome])[] = [
  ['no effect, errors of 5 %', { primary: { name: 'errorRate', minimumEffect: 1 } }, failing(0.05, 0.05)],
  ['no effect, feedback', feedback, rated(0)],
  ['no effect, feedback, callers watched before', { ...feedback, preparation: '1h' }, rated(0)],
  ['errors of 10 % → 7 %', { primary: { name: 'errorRate', minimumEffect: 1 } }, failing(0.1, 0.07)],
  ['errors of 5 % → 8 %', { primary: { name: 'errorRate', minimumEffect: 1 } }, failing(0.05, 0.08)],
  ['feedback + 2 points', feedback, rated(0.02)],
  ['feedback + 2 points, callers watched before', { ...feedback, preparation: '1h' }, rated(0.02)],
]

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
const share = (count: number) => `${((100 * count) / runs).toFixed(1)} %`

console.log(`${runs} runs of at most ${callers} callers, halves, decisions at 5 %, looked at after every tenth caller.\n`)
console.log('| case | ship | harm | keep | undecided | median callers | repeated t-test decides |')
console.log('| --- | --: | --: | --: | --: | --: | --: |')
for (const [name, spec, outcome] of CASES) {
  const counts = { ship: 0, harm: 0, keep: 0, open: 0, inconclusive: 0 }
  const came: number[] = []
  let fooled = 0
  for (let seed = 1; seed <= runs; seed++) {
    const result = runLab({ spec, seed, callers, outcome })
    counts[result.status.decision ?? 'open'] += 1
    if (result.status.decision) came.push(result.came)
    if (isFooled(outcome, seed)) fooled += 1
  }
  const cells = [
    share(counts.ship),
    share(counts.harm),
    share(counts.keep),
    share(counts.open + counts.inconclusive),
    median(came),
    share(fooled),
  ]
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}

/** A t-test at 5 % after every 250 callers that stops at the first time it says yes. */
function isFooled(outcome: Outcome, seed: number): boolean {
  const random = randomFrom(seed + 1_000_000).uniform
  const arms: Record<'control' | 'other', Moments> = { control: NO_MOMENTS, other: NO_MOMENTS }
  for (let i = 1; i <= callers; i++) {
    const arm = random() < 0.5 ? 'control' : 'other'
    const { failed, score } = outcome(arm, random(), random)
    arms[arm] = observeMoments(arms[arm], [score ?? Number(failed)])
    if (i % 250 === 0 && Math.abs(welch(arms.control, arms.other)) > 1.96) return true
  }
  return false
}

function welch(a: Moments, b: Moments): number {
  const variance = (varianceOf(a) ?? 0) / a.n + (varianceOf(b) ?? 0) / b.n
  return variance > 0 ? (b.mean - a.mean) / Math.sqrt(variance) : 0
}
