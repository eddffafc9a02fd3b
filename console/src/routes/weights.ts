/** Weights that always add up to 100. Pure. */
import type { Spec } from '../../../src/resources/index.ts'

export type Target = Spec<'Route'>['targets'][number]

/**
 * Gives the target at `at` the weight `wanted`; the others keep their proportions in what is left (largest remainders, so that whole numbers
 * add up). When the others have nothing, the first of them takes it all.
 */
export function rebalanced(targets: readonly Target[], at: number, wanted: number): Target[] {
  const weight = targets.length === 1 ? 100 : Math.min(100, Math.max(0, Math.round(wanted)))
  const rest = 100 - weight
  const others = targets.map((target, i) => (i === at ? 0 : target.weight))
  const sum = others.reduce((a, b) => a + b, 0)
  const firstOther = at === 0 ? 1 : 0
  const exact = others.map((each, i) => (i === at ? 0 : sum === 0 ? (i === firstOther ? rest : 0) : (each * rest) / sum))
  const whole = exact.map(Math.floor)
  let missing = rest - whole.reduce((a, b) => a + b, 0)
  const byRemainder = exact.map((value, i) => ({ i, remainder: value - Math.floor(value) })).sort((a, b) => b.remainder - a.remainder)
  for (const { i } of byRemainder) {
    if (missing === 0) break
    if (i === at) continue
    whole[i]! += 1
    missing -= 1
  }
  return targets.map((target, i) => ({ ...target, weight: i === at ? weight : whole[i]! }))
}

/** A new target begins with nothing: whoever adds it decides what it takes from whom. */
export function withTarget(targets: readonly Target[], version: string): Target[] {
  return [...targets, { version, weight: 0 }]
}

/** What it had goes to the others in their proportions. The last one stays: a route leads somewhere. */
export function withoutTarget(targets: readonly Target[], at: number): Target[] {
  if (targets.length === 1) return [...targets]
  return rebalanced(targets, at, 0).filter((_, i) => i !== at)
}

export function sameTargets(a: readonly Target[], b: readonly Target[]): boolean {
  return a.length === b.length && a.every(({ version, weight }, i) => version === b[i]!.version && weight === b[i]!.weight)
}
