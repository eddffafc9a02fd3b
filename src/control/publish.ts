/**
 * Keeps the snapshot at what the resources and the instances say: a change of one resource is compiled and published as it is committed.
 * Nothing goes out before `first`, which wants the instances too: a snapshot without them would take a running system down.
 */

import { decidersOf } from '../orchestration/experiments/overlay.ts'
import { KIND_NAMES, type Kind, type Resource } from '../resources/index.ts'
import { type CompiledInstance, type CompiledSettings, entryKey, type SnapshotEntry } from '../resources/snapshot.ts'
import type { ResourceEvent, ResourceStore } from '../store/index.ts'
import { type CompileLookup, compileResource } from './feed/compile.ts'
import type { SnapshotFeed } from './feed/index.ts'

export interface Publisher {
  /** The whole. From here on changes follow by themselves. */
  first(instances: readonly CompiledInstance[]): void
  /** All instances there are. Returns the snapshot version that says so. */
  instances(all: readonly CompiledInstance[]): number
  close(): void
}

export function createPublisher(resources: ResourceStore, feed: SnapshotFeed, settings: CompiledSettings): Publisher {
  /** Entry keys that each resource has put into the snapshot. */
  const published = new Map<string, string[]>()
  let instanceKeys = new Set<string>()
  let begun = false

  const lookup: CompileLookup = {
    backend: (namespace, name) => resources.get('Backend', namespace, name),
    task: (namespace, model) => resources.get('Model', namespace, model)?.spec.task,
    deciders: (namespace, route) => decidersOf(resources, namespace, route),
  }
  const keyOf = ({ kind, metadata }: Resource) => `${kind}/${metadata.namespace}/${metadata.name}`
  const compile = (resource: Resource, set: Map<string, SnapshotEntry>) => {
    const entries = compileResource(resource, lookup)
    for (const [key, value] of entries) set.set(key, value)
    const keys = entries.map(([key]) => key)
    const before = published.get(keyOf(resource)) ?? []
    published.set(keyOf(resource), keys)
    return before.filter((key) => !keys.includes(key))
  }

  const follow = (events: readonly ResourceEvent[]) => {
    if (!begun) return
    const set = new Map<string, SnapshotEntry>()
    const gone: string[] = []
    for (const { type, resource } of events) {
      if (type === 'DELETED') {
        gone.push(...(published.get(keyOf(resource)) ?? []))
        published.delete(keyOf(resource))
      }
      for (const each of [...(type === 'DELETED' ? [] : [resource]), ...dependents(resource, resources)]) gone.push(...compile(each, set))
    }
    feed.update(set, gone)
  }
  const unsubscribe = resources.onChange(follow)

  return {
    first(instances) {
      const entries = new Map<string, SnapshotEntry>([[entryKey.settings(), settings]])
      for (const kind of KIND_NAMES) for (const resource of resources.list(kind)) compile(resource, entries)
      for (const instance of instances) entries.set(entryKey.instance(instance.id), instance)
      instanceKeys = new Set(instances.map(({ id }) => entryKey.instance(id)))
      begun = true
      feed.load(entries)
    },
    instances(all) {
      const set = new Map<string, SnapshotEntry>(all.map((instance) => [entryKey.instance(instance.id), instance]))
      const gone = [...instanceKeys].filter((key) => !set.has(key))
      instanceKeys = new Set(set.keys())
      return feed.update(set, gone)
    },
    close: unsubscribe,
  }
}

/** Versions and routes into whose entry this resource is compiled. */
function dependents(resource: Resource, resources: ResourceStore): Resource[] {
  const kind: Kind = resource.kind
  const { namespace, name } = resource.metadata
  if (kind === 'Backend') return resources.list('ModelVersion', namespace).filter(({ spec }) => spec.source.backend?.name === name)
  if (kind === 'Rollout' || kind === 'Experiment') {
    const { route } = (resource as Resource<'Rollout' | 'Experiment'>).spec
    return resources.list('Route', namespace).filter(({ metadata }) => metadata.name === route)
  }
  if (kind === 'Model') return resources.list('ModelVersion', namespace).filter(({ spec }) => spec.model === name)
  return []
}
