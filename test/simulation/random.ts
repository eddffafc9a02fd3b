import { randomFrom } from '../../src/kernel/random.ts'

/** What the simulations do with chance that repeats. */
export interface Chance {
  /** From 0 to 1, without 1. */
  next(): number
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  /** Whether that which happens so often happens now. */
  happens(probability: number): boolean
  pick<T>(from: readonly T[]): T | undefined
}

export function chance(seed: number): Chance {
  const next = randomFrom(seed).uniform
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    happens: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)],
  }
}
