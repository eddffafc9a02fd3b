/** The weights of versions: fetched as they are named, with the digest that the first use has pinned. */
import { sha256Hex } from '../../kernel/ids.ts'
import type { Resource } from '../../resources/index.ts'
import type { Weights } from '../../resources/model-version.ts'
import type { Store } from '../../store/index.ts'
import type { WeightsState } from './identity.ts'
import { createWeightFetches } from './weight-fetches.ts'

type Version = Resource<'ModelVersion'>

export function createWeights({
  store,
  ...options
}: Parameters<typeof createWeightFetches>[0] & { store: { readonly meta: Pick<Store['meta'], 'get' | 'set'> } }) {
  const fetches = createWeightFetches(options)
  const pins = new Map<string, string>()

  const pinned = (version: Version): Weights | undefined => {
    const source = version.spec.source.engine
    if (source?.kind !== 'llama') return undefined
    const sha256 = source.weights.sha256 ?? pins.get(pinKey(version, source.weights))
    return sha256 === undefined ? source.weights : { ...source.weights, sha256 }
  }
  const stateOf = (version: Version): WeightsState | undefined => {
    const weights = pinned(version)
    return weights && fetches.stateOf(weights)
  }
  /** The weights of a version whose manifest names no digest. */
  const unpinned = (version: Version): Weights | undefined => {
    const source = version.spec.source.engine
    return source?.kind === 'llama' && source.weights.sha256 === undefined ? source.weights : undefined
  }

  return {
    stateOf,
    /** Reads what was pinned before. */
    async recall(versions: readonly Version[]): Promise<void> {
      for (const version of versions) {
        const weights = unpinned(version)
        const sha256 = weights && (await store.meta.get<string>(pinKey(version, weights)))
        if (sha256 !== undefined) pins.set(pinKey(version, weights!), sha256)
      }
    },
    async pinNew(versions: readonly Version[]): Promise<void> {
      for (const version of versions) {
        const weights = unpinned(version)
        if (!weights || pins.has(pinKey(version, weights))) continue
        const state = stateOf(version)
        if (state?.phase !== 'here') continue
        await store.meta.set(pinKey(version, weights), state.sha256)
        // Pinned weights are another question to the fetcher, which finds them in the cache.
        pins.set(pinKey(version, weights), state.sha256)
      }
    },
    /** Stops the fetches that no version asks for any more. */
    keepOnly: (versions: readonly Version[]) => fetches.keepOnly(versions.flatMap((version) => pinned(version) ?? [])),
    close: () => fetches.close(),
  }
}

/** A version that is made anew under an old name pins anew; so does another list of places. */
function pinKey(version: Version, weights: Weights): string {
  return `pinned-weights/${version.metadata.uid}/${sha256Hex(JSON.stringify(weights.from)).slice(0, 16)}`
}
