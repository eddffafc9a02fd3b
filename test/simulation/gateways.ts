/** Gateways, simulated: they hear of a snapshot a little later, send streams to what it says is ready, and end streams when they end. */
import type { ManualClock } from '../../src/kernel/clock.ts'
import type { CompiledInstance } from '../../src/resources/snapshot.ts'
import type { Chance } from './random.ts'

interface Gateway {
  /** The snapshot that it runs. */
  version: number
  instances: readonly CompiledInstance[]
  /** Streams by instance. */
  readonly streams: Map<string, number>
  cutOff: boolean
}

export interface Gateways {
  publish(instances: readonly CompiledInstance[]): number
  idle(instance: string, version: number): boolean
  /** Streams come and go. */
  pass(busy: boolean): void
  cutOff(): void
  /** Whether ending this instance now breaks a stream, or one that may begin. */
  needs(instance: string): string | undefined
  /** It is gone, and its streams with it. */
  broken(instance: string): void
}

export function simulatedGateways(count: number, clock: ManualClock, luck: Chance): Gateways {
  const all: Gateway[] = Array.from({ length: count }, () => ({ version: 0, instances: [], streams: new Map(), cutOff: false }))
  const published: { at: number; version: number; instances: readonly CompiledInstance[] }[] = []
  let version = 0
  let last = ''
  const hear = (gateway: Gateway) => {
    if (gateway.cutOff) return
    const heard = published.findLast(({ at }) => at <= clock.monotonic() - luck.between(0, 400))
    if (heard && heard.version > gateway.version) Object.assign(gateway, { version: heard.version, instances: heard.instances })
  }
  const count_ = (gateway: Gateway, id: string, by: number) => {
    const streams = (gateway.streams.get(id) ?? 0) + by
    if (streams > 0) gateway.streams.set(id, streams)
    else gateway.streams.delete(id)
  }

  return {
    publish(instances) {
      const text = JSON.stringify(instances)
      if (text !== last) {
        last = text
        version += 1
        published.push({ at: clock.monotonic(), version, instances })
        if (published.length > 64) published.shift()
      }
      return version
    },
    idle: (instance, wanted) => all.every((gateway) => !gateway.cutOff && gateway.version >= wanted && !gateway.streams.has(instance)),
    pass(busy) {
      for (const gateway of all) {
        if (gateway.cutOff && luck.happens(busy ? 0.2 : 1)) gateway.cutOff = false
        hear(gateway)
        for (const id of [...gateway.streams.keys()]) if (luck.happens(busy ? 0.3 : 1)) count_(gateway, id, -1)
        if (!busy) continue
        const ready = gateway.instances.filter(({ state }) => state === 'ready')
        for (let i = luck.between(0, 3); i > 0; i--) {
          const chosen = luck.pick(ready)
          if (chosen) count_(gateway, chosen.id, 1)
        }
      }
    },
    cutOff() {
      const gateway = luck.pick(all)
      if (gateway) gateway.cutOff = true
    },
    needs(instance) {
      for (const [at, { streams, instances }] of all.entries()) {
        if (streams.has(instance)) return `gateway ${at} has ${streams.get(instance)} streams there`
        if (instances.some(({ id, state }) => id === instance && state === 'ready')) return `gateway ${at} may send it more`
      }
      return undefined
    },
    broken(instance) {
      for (const { streams } of all) streams.delete(instance)
    },
  }
}
