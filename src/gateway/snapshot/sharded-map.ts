/**
 * An immutable map for large sections. Copying twenty thousand keys for one that changed takes milliseconds in which no request is answered;
 * here a change copies only the shard that it falls into, 1/256 of the whole.
 */
const SHARDS = 256

export class ShardedMap<V> implements Iterable<[string, V]> {
  readonly #shards: readonly (ReadonlyMap<string, V> | undefined)[]
  readonly size: number

  private constructor(shards: readonly (ReadonlyMap<string, V> | undefined)[], size: number) {
    this.#shards = shards
    this.size = size
  }

  static empty<V>(): ShardedMap<V> {
    return new ShardedMap<V>(new Array(SHARDS).fill(undefined), 0)
  }

  /** A map that is filled in place and then never again. */
  static build<V>(): { set(key: string, value: V): void; done(): ShardedMap<V> } {
    const shards: (Map<string, V> | undefined)[] = new Array(SHARDS).fill(undefined)
    let size = 0
    return {
      set(key, value) {
        const at = shardOf(key)
        const shard = shards[at] ?? new Map<string, V>()
        shards[at] = shard
        if (!shard.has(key)) size += 1
        shard.set(key, value)
      },
      done: () => new ShardedMap(shards, size),
    }
  }

  get(key: string): V | undefined {
    return this.#shards[shardOf(key)]?.get(key)
  }

  has(key: string): boolean {
    return this.#shards[shardOf(key)]?.has(key) ?? false
  }

  /** The map after a change; this one stays as it is. */
  with(set: Iterable<readonly [string, V]>, del: Iterable<string>): ShardedMap<V> {
    const shards = [...this.#shards]
    const copied = new Set<number>()
    let { size } = this
    const own = (key: string): Map<string, V> => {
      const at = shardOf(key)
      if (!copied.has(at)) {
        copied.add(at)
        shards[at] = new Map(shards[at])
      }
      return shards[at] as Map<string, V>
    }
    for (const key of del) if (own(key).delete(key)) size -= 1
    for (const [key, value] of set) {
      const shard = own(key)
      if (!shard.has(key)) size += 1
      shard.set(key, value)
    }
    return new ShardedMap(shards, size)
  }

  *values(): Generator<V> {
    for (const shard of this.#shards) if (shard) yield* shard.values()
  }

  *keys(): Generator<string> {
    for (const shard of this.#shards) if (shard) yield* shard.keys()
  }

  *[Symbol.iterator](): Generator<[string, V]> {
    for (const shard of this.#shards) if (shard) yield* shard
  }
}

/** FNV-1a over the last characters: names and hashes differ there. */
function shardOf(key: string): number {
  let value = 0x811c9dc5
  for (let i = Math.max(0, key.length - 12); i < key.length; i++) value = Math.imul(value ^ key.charCodeAt(i), 0x01000193)
  return (value ^ (value >>> 15)) & (SHARDS - 1)
}
