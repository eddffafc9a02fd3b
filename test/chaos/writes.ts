/**
 * Writes to control while it may die at any moment, and what must be true of them afterwards: what was acknowledged is there, what was not
 * is there whole or not at all. Pairs are applied as one; keys are made and revoked; tokens are made; one route is changed again and again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { System } from '../harness/system.ts'

interface Written {
  readonly name: string
  acknowledged: boolean
}
interface WrittenKey extends Written {
  secret?: string
  /** `asked`: sent and not answered; it may have happened. */
  revoked: 'no' | 'asked' | 'yes'
}

export interface Writes {
  /** Writes until `stopped` is aborted. */
  run(stopped: AbortSignal): Promise<void>
  /** Everything that is wrong, in words. */
  problems(): Promise<string[]>
  readonly acknowledged: number
  /** Of keys that are known to work, and to be revoked; the newest of each. */
  sample(): { working?: string; revoked?: string }
}

const consumer = (name: string) => ({ apiVersion: 'strata.dev/v1alpha1', kind: 'Consumer', metadata: { name }, spec: {} })

export function createWrites(system: System): Writes {
  const pairs: Written[] = []
  const keys: WrittenKey[] = []
  const tokens: Written[] = []
  let sentCount = 0
  let acknowledgedCount = 0
  let count = 0
  let acknowledged = 0

  /** True when control said yes. Anything else leaves it open whether it happened. */
  const send = async <T>(method: string, path: string, body?: unknown): Promise<T | undefined> => {
    try {
      const answer = await system.control<T>(method, path, body)
      acknowledged += 1
      return answer
    } catch (error) {
      // A refusal would be a mistake of this test; that nobody answers, or not to the end, is what it is about.
      if (/HTTP 4\d\d/.test(String(error))) throw error
      await sleep(50)
      return undefined
    }
  }

  const step = async (n: number): Promise<void> => {
    const pair: Written = { name: `pair-${n}`, acknowledged: false }
    pairs.push(pair)
    pair.acknowledged =
      (await send('POST', '/apply', { documents: [consumer(`${pair.name}-a`), consumer(`${pair.name}-b`)] })) !== undefined

    const key: WrittenKey = { name: `key-${n}`, acknowledged: false, revoked: 'no' }
    keys.push(key)
    key.secret = (await send<{ secret: string }>('POST', '/keys', { consumer: 'default', name: key.name }))?.secret
    key.acknowledged = key.secret !== undefined
    const old = keys.at(-3)
    if (old?.acknowledged && old.revoked === 'no') {
      old.revoked = 'asked'
      if (await send('POST', `/keys/${old.name}/revoke`)) old.revoked = 'yes'
    }

    const token: Written = { name: `token-${n}`, acknowledged: false }
    tokens.push(token)
    token.acknowledged = (await send('POST', '/tokens', { name: token.name, role: 'viewer' })) !== undefined

    sentCount = n
    const route = {
      ...{ apiVersion: 'strata.dev/v1alpha1', kind: 'Route' },
      metadata: { name: 'counting', labels: { count: String(n) } },
      spec: { models: ['counting'], targets: [{ version: 'assistant-v1' }] },
    }
    if (await send('PUT', '/routes/counting', route)) acknowledgedCount = n
  }

  return {
    async run(stopped) {
      while (!stopped.aborted) {
        await step(++count)
        await sleep(40)
      }
    },
    async problems() {
      const names = async (path: string) => {
        const { items } = await system.control<{ items: { name?: string; metadata?: { name: string } }[] }>('GET', path)
        return new Set(items.map(({ name, metadata }) => metadata?.name ?? name!))
      }
      const [consumers, apiKeys, tokenNames] = [await names('/consumers'), await names('/apikeys'), await names('/tokens')]
      const found: string[] = []
      for (const { name, acknowledged: sure } of pairs) {
        const [a, b] = [consumers.has(`${name}-a`), consumers.has(`${name}-b`)]
        if (a !== b) found.push(`${name}: only one half is there`)
        if (sure && !a) found.push(`${name} was acknowledged and is gone`)
      }
      const { items } = await system.control<{ items: { metadata: { name: string }; spec: { revoked: boolean } }[] }>('GET', '/apikeys')
      const revoked = new Set(items.filter(({ spec }) => spec.revoked).map(({ metadata }) => metadata.name))
      for (const key of keys) {
        if (key.acknowledged && !apiKeys.has(key.name)) found.push(`${key.name} was acknowledged and is gone`)
        if (key.revoked === 'yes' && !revoked.has(key.name)) found.push(`${key.name} was revoked and works again`)
        if (key.revoked === 'no' && revoked.has(key.name)) found.push(`${key.name} is revoked, and nobody did that`)
      }
      for (const { name, acknowledged: sure } of tokens)
        if (sure && !tokenNames.has(name)) found.push(`${name} was acknowledged and is gone`)
      if (acknowledgedCount > 0) {
        const { metadata } = await system.control<{ metadata: { labels: { count: string } } }>('GET', '/routes/counting')
        const stored = Number(metadata.labels.count)
        if (stored < acknowledgedCount || stored > sentCount)
          found.push(`the route says ${stored}; ${acknowledgedCount} was acknowledged, ${sentCount} was sent last`)
      }
      return found
    },
    get acknowledged() {
      return acknowledged
    },
    sample() {
      const known = keys.filter(({ secret }) => secret !== undefined)
      return {
        working: known.findLast(({ revoked }) => revoked === 'no')?.secret,
        revoked: known.findLast(({ revoked }) => revoked === 'yes')?.secret,
      }
    },
  }
}
