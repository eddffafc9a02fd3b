/** What the pages of limits know: the limits, what the gateways say is left, whom they refused, and for whom they hold. */
import { useMemo } from 'react'
import type { LimitRefusals } from '../../../src/control/records/refusals.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { useFetched } from '../parts/index.ts'
import { type GatewayLimits, type Left, leftOf } from './left.ts'

export type Limit = Resource<'Limit'>

export interface LimitRow {
  readonly limit: Limit
  readonly left: readonly Left[]
  readonly refusals: LimitRefusals | undefined
  readonly consumers: readonly Resource<'Consumer'>[]
  readonly routes: readonly Resource<'Route'>[]
}

export interface Limits {
  readonly rows: readonly LimitRow[] | undefined
  readonly gateways: readonly GatewayLimits[]
  again(): void
}

const LEFT_MS = 2_000
const REFUSALS_MS = 5_000

export function useLimits(): Limits {
  const { routes } = useSystem()
  const limits = useFetched<{ items: Limit[] }>('/limits')
  const consumers = useFetched<{ items: Resource<'Consumer'>[] }>('/consumers')
  const states = useFetched<{ gateways: GatewayLimits[] }>('/limit-states', LEFT_MS)
  const refusals = useFetched<{ items: LimitRefusals[] }>('/refusals', REFUSALS_MS)
  const rows = useMemo(
    () =>
      limits.data?.items.map((limit): LimitRow => {
        const { name, namespace } = limit.metadata
        const names = (each: Resource<'Consumer'> | Resource<'Route'>) =>
          each.metadata.namespace === namespace && (each.spec.limits as readonly string[]).includes(name)
        return {
          limit,
          left: leftOf({ namespace, name, rules: limit.spec.rules }, states.data?.gateways ?? []),
          refusals: refusals.data?.items.find((each) => `${each.namespace}/${each.limit}` === keyOf(limit)),
          consumers: consumers.data?.items.filter(names) ?? [],
          routes: routes.filter(names),
        }
      }),
    [limits.data, consumers.data, states.data, refusals.data, routes],
  )
  return { rows, gateways: states.data?.gateways ?? [], again: limits.again }
}
