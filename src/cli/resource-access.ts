/** Resources over the control API, by the words of the command line. */
import { StrataError } from '../kernel/errors.ts'
import { findKind, KIND_NAMES, KINDS, type Kind, type Resource } from '../resources/index.ts'
import { nearest } from '../resources/nearest.ts'
import type { ControlClient } from './control-client.ts'

/** The kind that a word names; a wrong one is answered with the nearest. */
export function kindOf(word: string): Kind {
  const kind = findKind(word)
  if (kind) return kind
  const words = KIND_NAMES.flatMap((name) => [KINDS[name].plural, ...KINDS[name].aliases])
  const close = nearest(word.toLowerCase(), words)
  throw new StrataError('usage', `There is no kind "${word}"${close ? `; did you mean "${close}"?` : '.'}`, {
    advice: `Kinds: ${KIND_NAMES.map((name) => KINDS[name].plural).join(', ')}.`,
  })
}

/** "route/assistant", "route assistant" and several names: what `kubectl` takes. */
export function parseTargets(kindWord: string, names: readonly string[]): { kind: Kind; name: string }[] {
  const words = [kindWord, ...names]
  if (words.every((word) => word.includes('/')))
    return words.map((word) => {
      const [kind, name] = word.split('/', 2)
      return { kind: kindOf(kind!), name: name! }
    })
  const kind = kindOf(kindWord)
  return names.map((name) => ({ kind, name }))
}

const query = (namespace: string | undefined) => (namespace === undefined ? '' : `?namespace=${encodeURIComponent(namespace)}`)

/** All of a kind; `namespace` undefined is every namespace. */
export async function listResources<K extends Kind>(client: ControlClient, kind: K, namespace: string | undefined): Promise<Resource<K>[]> {
  const answer = await client.call<{ items: Resource<K>[] }>('GET', `/${KINDS[kind].plural}${query(namespace)}`)
  return answer.items
}

/** @throws StrataError `not_found` with the nearest name that is there. */
export function getResource<K extends Kind>(
  client: ControlClient,
  kind: K,
  namespace: string,
  name: string,
  signal?: AbortSignal,
): Promise<Resource<K>> {
  const path = `/${KINDS[kind].plural}/${encodeURIComponent(name)}${query(namespace)}`
  return orNearest(client, { kind, namespace, name }, () => client.call('GET', path, undefined, signal))
}

/** When each key was last used, milliseconds since the epoch, by "namespace/name"; without those that never were. */
export async function lastUsesOf(client: ControlClient): Promise<ReadonlyMap<string, number>> {
  const { items } = await client.call<{ items: { namespace: string; name: string; lastUsed: number }[] }>('GET', '/usage/keys')
  return new Map(items.map(({ namespace, name, lastUsed }) => [`${namespace}/${name}`, lastUsed]))
}

export function deleteResource(client: ControlClient, kind: Kind, namespace: string, name: string): Promise<unknown> {
  const path = `/${KINDS[kind].plural}/${encodeURIComponent(name)}${query(namespace)}`
  return orNearest(client, { kind, namespace, name }, () => client.call('DELETE', path))
}

/** Where what `work` wants is not there, the nearest name that is. */
export async function orNearest<T>(
  client: ControlClient,
  { kind, namespace, name }: { readonly kind: Kind; readonly namespace: string; readonly name: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StrataError && error.code === 'not_found')) throw error
    const names = (await listResources(client, kind, namespace)).map(({ metadata }) => metadata.name)
    // It is there: something else is missing.
    if (names.includes(name)) throw error
    const close = nearest(name, names)
    const where = namespace === 'default' ? '' : ` in the namespace ${namespace}`
    throw new StrataError('not_found', `There is no ${kind} ${JSON.stringify(name)}${where}.`, {
      advice: close === undefined ? `See: strata get ${KINDS[kind].plural}` : `Did you mean ${JSON.stringify(close)}?`,
    })
  }
}
