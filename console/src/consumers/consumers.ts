/** What the pages of consumers know: who they are, their keys, what they have used today. */
import { useMemo } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import type { KeyUse, UsageSum } from '../../../src/store/usage.ts'
import { keyOf } from '../api/resources.ts'
import { useFetched } from '../parts/index.ts'

export type Consumer = Resource<'Consumer'>
export type ApiKey = Resource<'ApiKey'>

export type KeyState = 'active' | 'expiring' | 'expired' | 'revoked'

const SOON_MS = 14 * 86_400_000

export function keyState({ spec }: ApiKey, now: number): KeyState {
  if (spec.revoked) return 'revoked'
  if (spec.expires === undefined) return 'active'
  const left = Date.parse(spec.expires) - now
  return left <= 0 ? 'expired' : left < SOON_MS ? 'expiring' : 'active'
}

export interface Used {
  readonly requests: number
  readonly limited: number
  /** By our fault. */
  readonly failed: number
  readonly tokensIn: number
  readonly tokensCached: number
  readonly tokensOut: number
  readonly cost: Readonly<Record<string, number>>
}

const NOTHING: Used = { requests: 0, limited: 0, failed: 0, tokensIn: 0, tokensCached: 0, tokensOut: 0, cost: {} }
const OUR_FAULT = new Set(['upstream_error', 'timeout', 'overloaded', 'cut'])

export function usedOf(sums: readonly UsageSum[]): Used {
  return sums.reduce<Used>(
    (all, { outcome, requests, tokensIn, tokensCached, tokensOut, cost, currency }) => ({
      requests: all.requests + requests,
      limited: all.limited + (outcome === 'limited' ? requests : 0),
      failed: all.failed + (OUR_FAULT.has(outcome) ? requests : 0),
      tokensIn: all.tokensIn + tokensIn,
      tokensCached: all.tokensCached + tokensCached,
      tokensOut: all.tokensOut + tokensOut,
      cost: currency === '' ? all.cost : { ...all.cost, [currency]: (all.cost[currency] ?? 0) + cost },
    }),
    NOTHING,
  )
}

export interface ConsumerRow {
  readonly consumer: Consumer
  readonly keys: readonly ApiKey[]
  readonly used: Used
  /** Milliseconds since the epoch. */
  readonly lastSeen: number | undefined
}

const USAGE_MS = 5_000

export interface Consumers {
  /** Undefined until control has said. */
  readonly rows: readonly ConsumerRow[] | undefined
  /** By "namespace/name" of a key. */
  readonly uses: ReadonlyMap<string, number>
  again(): void
}

export function useConsumers(): Consumers {
  const consumers = useFetched<{ items: Consumer[] }>('/consumers')
  const keys = useFetched<{ items: ApiKey[] }>('/apikeys')
  const uses = useFetched<{ items: KeyUse[] }>('/usage/keys', USAGE_MS)
  const usage = useFetched<{ items: UsageSum[] }>(`/usage/consumers?from=${midnight(Date.now())}`, USAGE_MS)
  const again = () => {
    consumers.again()
    keys.again()
  }
  const known = useMemo(() => {
    const lastUses = new Map(uses.data?.items.map(({ namespace, name, lastUsed }) => [`${namespace}/${name}`, lastUsed]))
    const keysOf = Map.groupBy(keys.data?.items ?? [], ({ metadata, spec }) => `${metadata.namespace}/${spec.consumer}`)
    const usageOf = Map.groupBy(usage.data?.items ?? [], ({ namespace, consumer }) => `${namespace}/${consumer}`)
    const rows = consumers.data?.items.map((consumer): ConsumerRow => {
      const own = keysOf.get(keyOf(consumer)) ?? []
      const seen = own.flatMap((key) => lastUses.get(keyOf(key)) ?? [])
      return {
        consumer,
        keys: own,
        used: usedOf(usageOf.get(keyOf(consumer)) ?? []),
        lastSeen: seen.length > 0 ? Math.max(...seen) : undefined,
      }
    })
    return { rows: keys.data && rows, uses: lastUses }
  }, [consumers.data, keys.data, uses.data, usage.data])
  return { ...known, again }
}

/** Begin of the day in this browser's time zone. */
export function midnight(now: number): number {
  return new Date(now).setHours(0, 0, 0, 0)
}

export function costInWords(cost: Used['cost']): string {
  const each = Object.entries(cost).map(([currency, amount]) => `${amount < 1 ? amount.toPrecision(2) : amount.toFixed(2)} ${currency}`)
  return each.length > 0 ? each.join(' + ') : '–'
}
