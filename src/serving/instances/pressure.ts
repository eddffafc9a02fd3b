/**
 * How full an instance is by its own word, for the gateways' choice among several: they know their own requests, and not those of others. One that is
 * alone knows them all, and of now: what an instance said a second ago would make it run from one to the other. In few steps, since each change is a
 * new snapshot. Pure.
 */
import type { InstanceLoad } from './clients.ts'

const STEPS = [4, 2, 1, 0]
const FULL_CACHE = 0.9

/**
 * 0, 1, 2, 4 or 5: requests that wait relative to what runs at once, and one more where the KV cache is nearly full.
 *
 * @param gateways Those that send requests.
 */
export function pressureOf({ waiting, cacheUsed = 0 }: InstanceLoad, sequences: number, gateways: number): number {
  const queue = gateways > 1 ? waiting / Math.max(1, sequences) : 0
  return STEPS.find((step) => queue >= step / 2)! + (cacheUsed >= FULL_CACHE ? 1 : 0)
}
