/**
 * The resources: read from memory, written through to the database.
 *
 * Control is the only writer of its database, so memory holds exactly what is committed. Writes go one after the other: check against what
 * is there, one transaction with the audit rows, then memory, then the listeners, which therefore hear changes in commit order. Should a
 * commit fail in a way that leaves its result open, memory is read anew before the next write.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'
import { StrataError } from '../kernel/errors.ts'
import { checkResources, claimedKey, type ExistingResources, referrersOf } from '../resources/cross-checks.ts'
import { type Kind, type Resource, resourceLabel, type Status } from '../resources/index.ts'
import { type Problem, validateResource } from '../resources/problems.ts'
import { whyKept } from '../resources/rollout-misfits.ts'
import { type Connection, json } from './connection.ts'
import { differences, sameValue } from './difference.ts'
import { type AuditRow, readAll, takeVersions, writeAll, writeAudit } from './resource-rows.ts'

export interface ResourceChange {
  /** "Route/assistant" */
  readonly label: string
  readonly action: 'create' | 'change' | 'unchanged'
  readonly before?: Resource
  readonly after?: Resource
}

export interface ResourceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly resource: Resource
}

export type Listener = (events: readonly ResourceEvent[]) => void

export interface ResourceStore extends ExistingResources {
  list<K extends Kind>(kind: K, namespace?: string): Resource<K>[]
  /** Of the newest write. */
  resourceVersion(): string
  /**
   * All documents or none. `dryRun` checks and tells what would change. `generations` makes it conditional: the resource of that label
   * ("Route/assistant") must still be at that generation; 0 says that there must be none. `permit` throws where the actor may not make those
   * changes, which are seen against what is there at that moment.
   */
  apply(
    documents: readonly unknown[],
    options: {
      actor: string
      dryRun?: boolean
      generations?: Readonly<Record<string, number>>
      permit?: (changes: readonly ResourceChange[]) => void
    },
  ): Promise<{ changes: ResourceChange[] } | { problems: Problem[] }>
  /** Refused while others refer to it. */
  delete(kind: Kind, namespace: string, name: string, options: { actor: string; resourceVersion?: string }): Promise<Resource>
  /**
   * Written by reconcilers alone; no new generation, and an audit row only for what a person has wanted (`deed`). False when the resource is gone
   * (or is another one of that name).
   */
  setStatus<K extends Kind>(
    resource: Resource<K>,
    status: Status<K>,
    deed?: { readonly actor: string; readonly action: string },
  ): Promise<boolean>
  /** Called after each commit, in commit order, before the write's promise resolves. */
  onChange(listener: Listener): () => void
}

export async function openResources(connection: Connection, clock: Clock): Promise<ResourceStore> {
  const held = new Map<string, Resource>()
  const byKind = new Map<Kind, Map<string, Resource>>()
  const listeners = new Set<Listener>()
  let newest = 0
  let uncertain = false
  let queue: Promise<unknown> = Promise.resolve()

  const put = (resource: Resource) => {
    const key = keyOf(resource.kind, resource.metadata.namespace, resource.metadata.name)
    held.set(key, resource)
    const kind = byKind.get(resource.kind) ?? new Map<string, Resource>()
    kind.set(key, resource)
    byKind.set(resource.kind, kind)
    newest = Math.max(newest, Number(resource.metadata.resourceVersion))
  }
  const remove = (resource: Resource, version: string) => {
    const key = keyOf(resource.kind, resource.metadata.namespace, resource.metadata.name)
    held.delete(key)
    byKind.get(resource.kind)?.delete(key)
    newest = Math.max(newest, Number(version))
  }
  const tell = (events: ResourceEvent[]) => {
    if (events.length > 0) for (const listener of listeners) listener(events)
  }

  /** Brings memory to what the database holds, after a commit whose result is not known. */
  const readAnew = async () => {
    const rows = await readAll(connection)
    const found = new Map(rows.map((resource) => [keyOf(resource.kind, resource.metadata.namespace, resource.metadata.name), resource]))
    const events: ResourceEvent[] = []
    for (const [key, resource] of [...held]) {
      if (found.has(key)) continue
      remove(resource, resource.metadata.resourceVersion!)
      events.push({ type: 'DELETED', resource })
    }
    for (const [key, resource] of found) {
      const before = held.get(key)
      if (before?.metadata.resourceVersion === resource.metadata.resourceVersion) continue
      put(resource)
      events.push({ type: before ? 'MODIFIED' : 'ADDED', resource })
    }
    uncertain = false
    tell(events)
  }

  /** Runs writes one after the other. */
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const run = queue.then(async () => {
      if (uncertain) await readAnew()
      return await work()
    })
    queue = run.catch(() => undefined) // the caller has the error; the next write starts all the same
    return run
  }
  const commit = async <T>(work: Parameters<Connection['transaction']>[0]): Promise<T> => {
    uncertain = true
    const result = (await connection.transaction(work)) as T
    uncertain = false
    return result
  }

  const existing: ExistingResources = {
    get: (kind, namespace, name) => held.get(keyOf(kind, namespace, name)) as never,
    list: (kind) => (byKind.get(kind)?.values() ?? []) as never,
  }

  await readAnew()
  const [row] = await connection.query<{ last_value: string | number }>('select last_value from resource_version_seq')
  newest = Math.max(newest, Number(row?.last_value ?? 0))

  return {
    get: existing.get,
    list: (kind, namespace) => {
      const all = [...(byKind.get(kind)?.values() ?? [])].filter((each) => namespace === undefined || each.metadata.namespace === namespace)
      return all.sort(byName) as never
    },
    resourceVersion: () => String(newest),

    apply: (documents, { actor, dryRun = false, generations = {}, permit }) =>
      exclusively(async () => {
        const problems: Problem[] = []
        const broken = new Set<string>()
        const candidates: { document: number; resource: Resource }[] = []
        documents.forEach((input, document) => {
          const result = validateResource(input)
          if ('resource' in result) candidates.push({ document, resource: result.resource })
          else {
            for (const problem of result.problems) problems.push({ document, ...problem }) // there may be more than a call takes arguments
            const claimed = claimedKey(input)
            if (claimed !== undefined) broken.add(claimed)
          }
        })
        for (const problem of checkResources(candidates, existing, broken)) problems.push(problem)
        if (problems.length > 0) return { problems: problems.sort((a, b) => a.document - b.document) }

        const now = clock.now()
        const changes = candidates.map(({ resource }) => planChange(resource, existing, now))
        for (const { label, before } of changes) refuseOtherGeneration(label, before, generations)
        permit?.(changes)
        const writes = changes.filter((change) => change.action !== 'unchanged')
        if (dryRun || writes.length === 0) return { changes }
        const written = await commit<Map<ResourceChange, Resource>>(async (tx) => {
          const versions = await takeVersions(tx, writes.length)
          const rows = new Map(writes.map((change, i) => [change, withVersion(change.after!, versions[i]!)]))
          await writeAll(tx, [...rows.values()], now)
          await writeAudit(
            tx,
            writes.map((change) => auditRow(change, actor, now)),
          )
          return rows
        })
        const events: ResourceEvent[] = writes.map((change) => ({
          type: change.action === 'create' ? 'ADDED' : 'MODIFIED',
          resource: written.get(change)!,
        }))
        for (const { resource } of events) put(resource)
        tell(events)
        return { changes: changes.map((change) => ({ ...change, after: written.get(change) ?? change.after })) }
      }),

    delete: (kind, namespace, name, { actor, resourceVersion }) =>
      exclusively(async () => {
        const resource = existing.get(kind, namespace, name)
        if (!resource) throw notFound(kind, namespace, name)
        refuseStale(resource, resourceVersion)
        const referrers = referrersOf(resource, existing).map(resourceLabel)
        if (referrers.length > 0)
          throw new StrataError('in_use', `${resourceLabel(resource)} is named by ${referrers.join(', ')}.`, {
            advice: 'Change or delete those first.',
            details: { referrers },
          })
        const kept = resource.kind === 'Rollout' ? whyKept(resource as Resource<'Rollout'>, existing) : undefined
        if (kept) throw new StrataError('in_use', kept.message, { advice: kept.advice })
        const version = await commit<string>(async (tx) => {
          const [taken] = await takeVersions(tx, 1)
          await tx.query('delete from resources where kind = $1 and namespace = $2 and name = $3', [kind, namespace, name])
          const diff = [{ path: ['spec'], before: resource.spec }]
          await writeAudit(tx, [{ time: clock.now(), actor, action: 'delete', kind, namespace, name, diff }])
          return taken!
        })
        const gone = withVersion(resource, version)
        remove(resource, version)
        tell([{ type: 'DELETED', resource: gone }])
        return gone
      }),

    setStatus: (resource, status, deed) =>
      exclusively(async () => {
        const { namespace, name, uid } = resource.metadata
        const current = existing.get(resource.kind, namespace, name)
        if (!current || current.metadata.uid !== uid) return false
        if (sameValue(current.status, status)) return true
        const version = await commit<string>(async (tx) => {
          const [taken] = await takeVersions(tx, 1)
          await tx.query('update resources set status = $1::jsonb, resource_version = $2, updated_at = $3 where uid = $4', [
            json(status),
            Number(taken),
            clock.now(),
            uid,
          ])
          if (deed) await writeAudit(tx, [{ time: clock.now(), ...deed, kind: resource.kind, namespace, name, diff: [] }])
          return taken!
        })
        const updated: Resource = { ...withVersion(current, version), status: status as Resource['status'] }
        put(updated)
        tell([{ type: 'MODIFIED', resource: updated }])
        return true
      }),

    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

const SYSTEM_NOTES = 'strata.dev/'

function keyOf(kind: Kind, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`
}

function withVersion(resource: Resource, resourceVersion: string): Resource {
  return { ...resource, metadata: { ...resource.metadata, resourceVersion } }
}

/** What applying a document does. Of a manifest's metadata only name, namespace, labels and annotations count, and its status is ignored. */
function planChange(wanted: Resource, existing: ExistingResources, now: number): ResourceChange {
  const label = resourceLabel(wanted)
  const { name, namespace, labels, resourceVersion } = wanted.metadata
  const before = existing.get(wanted.kind, namespace, name)
  const annotations = withSystemNotes(wanted.metadata.annotations, before?.metadata.annotations)
  if (!before) {
    const metadata = {
      name,
      namespace,
      labels,
      annotations,
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: new Date(now).toISOString(),
    }
    return { label, action: 'create', after: { apiVersion: wanted.apiVersion, kind: wanted.kind, metadata, spec: wanted.spec } }
  }
  refuseStale(before, resourceVersion)
  const specChanged = !sameValue(before.spec, wanted.spec)
  if (!specChanged && sameValue(before.metadata.labels, labels) && sameValue(before.metadata.annotations, annotations))
    return { label, action: 'unchanged', before, after: before }
  const generation = (before.metadata.generation ?? 1) + (specChanged ? 1 : 0)
  return {
    label,
    action: 'change',
    before,
    after: { ...before, metadata: { ...before.metadata, labels, annotations, generation }, spec: wanted.spec },
  }
}

/** What a command of ours has noted (`strata restart`) is in no manifest, and applying one does not take it back. */
function withSystemNotes(
  wanted: Readonly<Record<string, string>> | undefined,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  const notes = Object.entries(before ?? {}).filter(([key]) => key.startsWith(SYSTEM_NOTES))
  return notes.length === 0 ? wanted : { ...Object.fromEntries(notes), ...wanted }
}

function refuseStale(current: Resource, resourceVersion: string | undefined): void {
  if (resourceVersion === undefined || resourceVersion === current.metadata.resourceVersion) return
  throw new StrataError(
    'conflict',
    `${resourceLabel(current)} has changed since you read it (you have resourceVersion ${resourceVersion}, it is at ${current.metadata.resourceVersion}).`,
    { advice: 'Read it again and make the change on that; or leave metadata.resourceVersion out.' },
  )
}

/** Only `spec` counts generations: a status that was written meanwhile is no reason to refuse. */
function refuseOtherGeneration(label: string, current: Resource | undefined, generations: Readonly<Record<string, number>>): void {
  const expected = Object.hasOwn(generations, label) ? generations[label] : undefined
  const found = current?.metadata.generation ?? 0
  if (expected === undefined || expected === found) return
  throw new StrataError(
    'conflict',
    found === 0
      ? `${label} is not there any more (you have generation ${expected}).`
      : `Somebody has changed ${label} since you read it (you have generation ${expected}, it is at ${found}).`,
    { advice: 'Nothing was written. Look at what it is now and make the change on that.' },
  )
}

/** By name, then by namespace: the same resources are listed in the same order, however they came to be. */
function byName({ metadata: a }: Resource, { metadata: b }: Resource): number {
  const [left, right] = a.name === b.name ? [a.namespace, b.namespace] : [a.name, b.name]
  return left < right ? -1 : left > right ? 1 : 0
}

export function notFound(kind: Kind, namespace: string, name: string): StrataError {
  return new StrataError('not_found', `There is no ${resourceLabel({ kind, metadata: { namespace, name } })}.`)
}

function auditRow({ action, before, after }: ResourceChange, actor: string, time: number): AuditRow {
  const resource = after!
  const { namespace, name } = resource.metadata
  const view = (each: Resource | undefined) =>
    each && { metadata: { labels: each.metadata.labels, annotations: each.metadata.annotations }, spec: each.spec }
  const diff = before ? differences(view(before), view(resource)) : [{ path: ['spec'], after: resource.spec }]
  return { time, actor, action: action === 'create' ? 'create' : 'change', kind: resource.kind, namespace, name, diff }
}
