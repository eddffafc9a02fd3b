/** Which instances find room in the machine's memory, by what their versions say that they need. Pure. */
import { formatBytes } from '../../kernel/units.ts'
import type { Instance } from './identity.ts'

/** Left for control, the gateways and the system. */
export const RESERVED_BYTES = 512 * 1024 * 1024

export interface Claim {
  readonly instance: Pick<Instance, 'id' | 'limits'>
  /** It runs already, or did: it is not turned out for another. */
  readonly placed: boolean
}

/** Why those that do not fit do not, by id. `claims`: in the order in which they are placed; `totalBytes`: of the machine. */
export function turnedAway(claims: readonly Claim[], totalBytes: number): ReadonlyMap<string, string> {
  const here = Math.max(0, totalBytes - RESERVED_BYTES)
  const needOf = ({ instance }: Claim) => instance.limits?.memoryBytes ?? 0
  let taken = claims.filter(({ placed }) => placed).reduce((sum, claim) => sum + needOf(claim), 0)
  const away = new Map<string, string>()
  for (const claim of claims) {
    const need = needOf(claim)
    if (claim.placed || need === 0) continue
    const free = Math.max(0, here - taken)
    if (need <= free) taken += need
    else
      away.set(
        claim.instance.id,
        `not enough memory: it needs ${formatBytes(need)}, and of ${formatBytes(here)} for instances here ${formatBytes(free)} are not taken: ${formatBytes(need - free)} too much`,
      )
  }
  return away
}
