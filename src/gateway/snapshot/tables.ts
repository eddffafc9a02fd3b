/**
 * The snapshot as the request path reads it: immutable tables, swapped whole between requests. A delta copies only the sections that it
 * touches, so that a change of health does not copy twenty thousand keys.
 */
import { onceForEach } from '../../kernel/once-for-each.ts'
import {
  addChecksum,
  type CompiledConsumer,
  type CompiledInstance,
  type CompiledKey,
  type CompiledLimit,
  type CompiledRoute,
  type CompiledSettings,
  type CompiledVersion,
  entryChecksum,
  entryKey,
  type SnapshotEntry,
} from '../../resources/snapshot.ts'
import { ShardedMap } from './sharded-map.ts'

export interface Tables {
  readonly epoch: string
  readonly version: number
  /** By entry key. */
  readonly route: ShardedMap<CompiledRoute>
  readonly versions: ShardedMap<CompiledVersion>
  readonly consumer: ShardedMap<CompiledConsumer>
  readonly key: ShardedMap<CompiledKey>
  readonly limit: ShardedMap<CompiledLimit>
  readonly instance: ShardedMap<CompiledInstance>
  readonly settings: CompiledSettings
  /** By namespace and public model name. */
  readonly routesByModel: ReadonlyMap<string, ReadonlyMap<string, CompiledRoute>>
  /** By "namespace/model@version". */
  readonly versionByRef: ReadonlyMap<string, CompiledVersion>
  /** By "namespace/version resource name". */
  readonly instancesByVersion: ReadonlyMap<string, readonly CompiledInstance[]>
}

const DEFAULT_SETTINGS: CompiledSettings = { kind: 'settings', gateways: 1, maxBodyBytes: 16 * 1024 * 1024 }

type Section = 'route' | 'version' | 'consumer' | 'key' | 'limit' | 'instance'
type EntryOf<S extends Section> = Extract<SnapshotEntry, { kind: S }>
type Sections = { readonly [S in Section]: ShardedMap<EntryOf<S>> } & { readonly settings: CompiledSettings }

const SECTIONS: readonly Section[] = ['route', 'version', 'consumer', 'key', 'limit', 'instance']

const EMPTY_SECTIONS: Sections = {
  route: ShardedMap.empty(),
  version: ShardedMap.empty(),
  consumer: ShardedMap.empty(),
  key: ShardedMap.empty(),
  limit: ShardedMap.empty(),
  instance: ShardedMap.empty(),
  settings: DEFAULT_SETTINGS,
}

/** A snapshot and what is needed to bring it forward: contributions to the checksum, entry by entry. */
export interface Snapshot {
  readonly tables: Tables
  readonly checksum: number
  readonly sections: Sections
  readonly contributions: Map<string, number>
}

/** Takes entries one after another, as they come in, so that a large snapshot never holds the event loop. */
export class SnapshotBuilder {
  readonly #sections = Object.fromEntries(SECTIONS.map((section) => [section, ShardedMap.build<SnapshotEntry>()])) as Record<
    Section,
    ReturnType<typeof ShardedMap.build<SnapshotEntry>>
  >
  #settings = DEFAULT_SETTINGS
  readonly #contributions = new Map<string, number>()
  #checksum = 0

  get size(): number {
    return this.#contributions.size
  }

  add(key: string, value: SnapshotEntry): void {
    const contribution = entryChecksum(key, JSON.stringify(value))
    this.#checksum = addChecksum(this.#checksum, contribution)
    this.#contributions.set(key, contribution)
    if (value.kind === 'settings') this.#settings = value
    else this.#sections[value.kind].set(key, value)
  }

  /** Throws when what came is not what was announced. */
  finish(announced: { epoch: string; version: number; entries: number; checksum: number }): Snapshot {
    if (this.size !== announced.entries) throw new Error(`${announced.entries} entries were announced, ${this.size} came`)
    if (this.#checksum !== announced.checksum) throw new Error(`checksum ${this.#checksum} instead of ${announced.checksum}`)
    const sections = {
      ...Object.fromEntries(SECTIONS.map((section) => [section, this.#sections[section].done()])),
      settings: this.#settings,
    } as unknown as Sections
    return {
      tables: index(announced.epoch, announced.version, sections),
      checksum: this.#checksum,
      sections,
      contributions: this.#contributions,
    }
  }
}

/** The snapshot after a delta; the one before stays as it is (but gives up its contributions). Throws when the checksum is not the announced one. */
export function applyDelta(
  before: Snapshot,
  delta: { version: number; checksum: number; set: Record<string, SnapshotEntry>; del: readonly string[] },
): Snapshot {
  let { checksum } = before
  const { contributions } = before
  for (const key of delta.del) {
    checksum = addChecksum(checksum, contributions.get(key) ?? 0, -1)
    contributions.delete(key)
  }
  for (const [key, value] of Object.entries(delta.set)) {
    checksum = addChecksum(checksum, contributions.get(key) ?? 0, -1)
    const contribution = entryChecksum(key, JSON.stringify(value))
    contributions.set(key, contribution)
    checksum = addChecksum(checksum, contribution)
  }
  if (checksum !== delta.checksum) throw new Error(`checksum ${checksum} instead of ${delta.checksum} after version ${delta.version}`)
  const sections = change(before.sections, Object.entries(delta.set), delta.del)
  return { tables: index(before.tables.epoch, delta.version, sections, before), checksum, sections, contributions }
}

/** The sections after a change; those that it does not touch are the same objects. */
function change(before: Sections, set: readonly (readonly [string, SnapshotEntry])[], del: readonly string[]): Sections {
  const after: Record<string, unknown> = { ...before }
  for (const section of SECTIONS) {
    const mine = set.filter(([, value]) => value.kind === section)
    const gone = del.filter((key) => key.startsWith(`${section}/`))
    if (mine.length > 0 || gone.length > 0) after[section] = (before[section] as ShardedMap<SnapshotEntry>).with(mine, gone)
  }
  for (const [, value] of set) if (value.kind === 'settings') after.settings = value
  return after as unknown as Sections
}

/** Builds the look-ups; those of sections that did not change are taken over. */
function index(epoch: string, version: number, sections: Sections, before?: Snapshot): Tables {
  const same = (section: Section) => before !== undefined && before.sections[section] === sections[section]
  return {
    epoch,
    version,
    route: sections.route,
    versions: sections.version,
    consumer: sections.consumer,
    key: sections.key,
    limit: sections.limit,
    instance: sections.instance,
    settings: sections.settings,
    routesByModel: same('route') ? before!.tables.routesByModel : indexRoutes(sections.route),
    versionByRef: same('version') ? before!.tables.versionByRef : indexVersions(sections.version),
    instancesByVersion: same('instance') ? before!.tables.instancesByVersion : indexInstances(sections.instance),
  }
}

function indexRoutes(routes: Sections['route']): Map<string, Map<string, CompiledRoute>> {
  const byNamespace = new Map<string, Map<string, CompiledRoute>>()
  for (const route of routes.values()) {
    const byModel = byNamespace.get(route.namespace) ?? new Map<string, CompiledRoute>()
    byNamespace.set(route.namespace, byModel)
    for (const model of route.models) byModel.set(model, route)
  }
  return byNamespace
}

function indexVersions(versions: Sections['version']): Map<string, CompiledVersion> {
  const byRef = new Map<string, CompiledVersion>()
  for (const version of versions.values()) byRef.set(`${version.namespace}/${version.model}@${version.version}`, version)
  return byRef
}

function indexInstances(instances: Sections['instance']): Map<string, CompiledInstance[]> {
  const byVersion = new Map<string, CompiledInstance[]>()
  for (const instance of instances.values()) {
    const key = `${instance.namespace}/${instance.version}`
    const list = byVersion.get(key)
    if (list) list.push(instance)
    else byVersion.set(key, [instance])
  }
  return byVersion
}

// What an entry names in another section is looked up once for each state of that section, not for each request: putting a name together
// and finding it costs more than most of what a request does with it.

const consumersByKey = onceForEach((consumers: Tables['consumer']) =>
  onceForEach(({ namespace, consumer }: CompiledKey) => consumers.get(entryKey.consumer(namespace, consumer))),
)
export const consumerOf = (tables: Tables, key: CompiledKey) => consumersByKey(tables.consumer)(key)

const versionsByRoute = onceForEach((versions: Tables['versions']) =>
  onceForEach(({ namespace, targets }: CompiledRoute): ReadonlyMap<string, CompiledVersion> => {
    const found = targets.map(({ version }) => versions.get(entryKey.version(namespace, version)))
    return new Map(found.filter((version) => version !== undefined).map((version) => [version.name, version]))
  }),
)
/** The versions that a route's targets lead to, by name; those that do not exist are not in it. */
export const versionsOf = (tables: Tables, route: CompiledRoute) => versionsByRoute(tables.versions)(route)

const limitsByOwner = onceForEach((all: Tables['limit']) =>
  onceForEach(({ namespace, limits }: CompiledRoute | CompiledConsumer): readonly CompiledLimit[] => {
    const found = limits.map((name) => all.get(entryKey.limit(namespace, name)))
    return [...new Set(found.filter((limit) => limit !== undefined))]
  }),
)
/** The limits that a route or a consumer names, each once; names that nothing answers to count for nothing. */
export const limitsOf = (tables: Tables, owner: CompiledRoute | CompiledConsumer) => limitsByOwner(tables.limit)(owner)

/** The route of a public model name. */
export function routeOf(tables: Tables, namespace: string, model: string): CompiledRoute | undefined {
  return tables.routesByModel.get(namespace)?.get(model)
}

export const EMPTY_TABLES: Tables = index('', 0, EMPTY_SECTIONS)
