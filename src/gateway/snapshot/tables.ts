/**
 * The snapshot as the request path reads it: immutable tables, swapped whole between requests. A delta copies only the sections that it
 * touches, so that a change of health does not copy twenty thousand keys.
 */
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
  type SnapshotEntry,
} from '../../resources/snapshot.ts'

export interface Tables {
  readonly epoch: string
  readonly version: number
  /** By entry key. */
  readonly route: ReadonlyMap<string, CompiledRoute>
  readonly versions: ReadonlyMap<string, CompiledVersion>
  readonly consumer: ReadonlyMap<string, CompiledConsumer>
  readonly key: ReadonlyMap<string, CompiledKey>
  readonly limit: ReadonlyMap<string, CompiledLimit>
  readonly instance: ReadonlyMap<string, CompiledInstance>
  readonly settings: CompiledSettings
  /** By "namespace/public model name". */
  readonly routeByModel: ReadonlyMap<string, CompiledRoute>
  /** By "namespace/model@version". */
  readonly versionByRef: ReadonlyMap<string, CompiledVersion>
  /** By "namespace/version resource name". */
  readonly instancesByVersion: ReadonlyMap<string, readonly CompiledInstance[]>
}

const DEFAULT_SETTINGS: CompiledSettings = { kind: 'settings', gateways: 1, maxBodyBytes: 16 * 1024 * 1024 }

type Section = 'route' | 'version' | 'consumer' | 'key' | 'limit' | 'instance'
type Sections = { [S in Section]: Map<string, Extract<SnapshotEntry, { kind: S }>> } & { settings: CompiledSettings }

const emptySections = (): Sections => ({
  route: new Map(),
  version: new Map(),
  consumer: new Map(),
  key: new Map(),
  limit: new Map(),
  instance: new Map(),
  settings: DEFAULT_SETTINGS,
})

/** A snapshot and what is needed to bring it forward: contributions to the checksum, entry by entry. */
export interface Snapshot {
  readonly tables: Tables
  readonly checksum: number
  readonly sections: Sections
  readonly contributions: Map<string, number>
}

/** Takes entries one after another, as they come in, so that a large snapshot never holds the event loop. */
export class SnapshotBuilder {
  readonly #sections = emptySections()
  readonly #contributions = new Map<string, number>()
  #checksum = 0

  get size(): number {
    return this.#contributions.size
  }

  add(key: string, value: SnapshotEntry): void {
    put(this.#sections, key, value)
    const contribution = entryChecksum(key, JSON.stringify(value))
    this.#checksum = addChecksum(this.#checksum, contribution)
    this.#contributions.set(key, contribution)
  }

  /** Throws when what came is not what was announced. */
  finish(announced: { epoch: string; version: number; entries: number; checksum: number }): Snapshot {
    if (this.size !== announced.entries) throw new Error(`${announced.entries} entries were announced, ${this.size} came`)
    if (this.#checksum !== announced.checksum) throw new Error(`checksum ${this.#checksum} instead of ${announced.checksum}`)
    return {
      tables: index(announced.epoch, announced.version, this.#sections),
      checksum: this.#checksum,
      sections: this.#sections,
      contributions: this.#contributions,
    }
  }
}

/** The snapshot after a delta; the one before stays as it is (but gives up its contributions). Throws when the checksum is not the announced one. */
export function applyDelta(
  before: Snapshot,
  delta: { version: number; checksum: number; set: Record<string, SnapshotEntry>; del: readonly string[] },
): Snapshot {
  const sections: Sections = { ...before.sections }
  const copied = new Set<string>()
  const own = (section: string) => {
    if (section === 'settings' || copied.has(section)) return
    copied.add(section)
    const name = section as Section
    ;(sections as Record<Section, Map<string, SnapshotEntry>>)[name] = new Map<string, SnapshotEntry>(
      before.sections[name] as Map<string, SnapshotEntry>,
    )
  }
  let { checksum } = before
  const { contributions } = before
  for (const key of delta.del) {
    const section = sectionOf(key)
    own(section)
    if (section !== 'settings') sections[section].delete(key)
    checksum = addChecksum(checksum, contributions.get(key) ?? 0, -1)
    contributions.delete(key)
  }
  for (const [key, value] of Object.entries(delta.set)) {
    own(sectionOf(key))
    put(sections, key, value)
    checksum = addChecksum(checksum, contributions.get(key) ?? 0, -1)
    const contribution = entryChecksum(key, JSON.stringify(value))
    contributions.set(key, contribution)
    checksum = addChecksum(checksum, contribution)
  }
  if (checksum !== delta.checksum) throw new Error(`checksum ${checksum} instead of ${delta.checksum} after version ${delta.version}`)
  return { tables: index(before.tables.epoch, delta.version, sections, copied, before.tables), checksum, sections, contributions }
}

function sectionOf(key: string): Section | 'settings' {
  return key.slice(0, key.indexOf('/')) as Section | 'settings'
}

function put(sections: Sections, key: string, value: SnapshotEntry): void {
  if (value.kind === 'settings') sections.settings = value
  else (sections[value.kind] as Map<string, SnapshotEntry>).set(key, value)
}

/** Builds the look-ups; those of sections that did not change are taken over. */
function index(epoch: string, version: number, sections: Sections, changed?: ReadonlySet<string>, before?: Tables): Tables {
  const stale = (section: Section) => !before || !changed || changed.has(section)
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
    routeByModel: stale('route') ? indexRoutes(sections.route) : before!.routeByModel,
    versionByRef: stale('version') ? indexVersions(sections.version) : before!.versionByRef,
    instancesByVersion: stale('instance') ? indexInstances(sections.instance) : before!.instancesByVersion,
  }
}

function indexRoutes(routes: Sections['route']): Map<string, CompiledRoute> {
  const byModel = new Map<string, CompiledRoute>()
  for (const route of routes.values()) for (const model of route.models) byModel.set(`${route.namespace}/${model}`, route)
  return byModel
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

export const EMPTY_TABLES: Tables = index('', 0, emptySections())
