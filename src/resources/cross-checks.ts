/**
 * What can only be seen with the other resources in view: names that nothing bears, names taken twice, changes to what must not change.
 * A pure function of the documents and of what exists; it reports all problems at once.
 */
import { experimentMisfits } from './experiment-misfits.ts'
import { KINDS, type Kind, type Resource, resourceLabel } from './index.ts'
import { nearest } from './nearest.ts'
import type { FieldPath, Problem } from './problems.ts'
import { rolloutMisfits } from './rollout-misfits.ts'
import { versionMisfits } from './version-misfits.ts'

/** What is there already. */
export interface ExistingResources {
  get<K extends Kind>(kind: K, namespace: string, name: string): Resource<K> | undefined
  list<K extends Kind>(kind: K): Iterable<Resource<K>>
}

export interface Candidate {
  /** Index of the document that it came from. */
  readonly document: number
  readonly resource: Resource
}

/**
 * `others` says which further resources stand among the documents, though they do not pass their own checks: what refers to one of them is
 * not wrong for that.
 */
export function checkResources(
  candidates: readonly Candidate[],
  existing: ExistingResources,
  others: ReadonlySet<string> = new Set(),
): Problem[] {
  const world = laidOver(candidates, existing)
  return [
    ...duplicates(candidates),
    ...candidates.flatMap((candidate) => missingReferences(candidate, world, others)),
    ...candidates.flatMap((candidate) => changedImmutables(candidate, existing)),
    ...candidates.flatMap((candidate) => misfits(candidate, world)),
    ...takenTwice(candidates, world, 'ModelVersion', versionClaims),
    ...takenTwice(candidates, world, 'Route', modelClaims),
    ...takenTwice(candidates, world, 'ApiKey', hashClaims),
  ]
}

/** The resources that name this one, e.g. before it is deleted. */
export function referrersOf(
  target: { kind: Kind; metadata: { namespace: string; name: string } },
  existing: ExistingResources,
): Resource[] {
  const { namespace, name } = target.metadata
  const found: Resource[] = []
  for (const kind of Object.keys(KINDS) as Kind[])
    for (const resource of existing.list(kind)) {
      if (resource.metadata.namespace !== namespace) continue
      if (referencesOf(resource).some((reference) => reference.kind === target.kind && reference.name === name)) found.push(resource)
    }
  return found
}

export function referencesOf(resource: Resource) {
  return KINDS[resource.kind].references(resource.spec as never)
}

/** The status of a version says for good that it once was ready: from then on it stands for answers that were given. */
export function isEstablished(resource: Resource): boolean {
  if (resource.kind === 'ApiKey') return true
  const conditions = (resource.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? []
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True')
}

const keyOf = (resource: Resource) => `${resource.kind}/${resource.metadata.namespace}/${resource.metadata.name}`

/** "kind/namespace/name" of a document that did not pass, as far as it says. */
export function claimedKey(document: unknown): string | undefined {
  const { kind, metadata } = (document ?? {}) as { kind?: unknown; metadata?: { namespace?: unknown; name?: unknown } }
  const namespace = metadata?.namespace ?? 'default'
  return typeof kind === 'string' && typeof metadata?.name === 'string' && typeof namespace === 'string'
    ? `${kind}/${namespace}/${metadata.name}`
    : undefined
}

/** The world as it will be when the candidates are applied. */
function laidOver(candidates: readonly Candidate[], existing: ExistingResources): ExistingResources {
  const given = new Map(candidates.map(({ resource }) => [keyOf(resource), resource]))
  return {
    get: (kind, namespace, name) => (given.get(`${kind}/${namespace}/${name}`) as never) ?? existing.get(kind, namespace, name),
    *list(kind) {
      for (const resource of existing.list(kind)) if (!given.has(keyOf(resource))) yield resource
      for (const resource of given.values()) if (resource.kind === kind) yield resource as never
    },
  }
}

function duplicates(candidates: readonly Candidate[]): Problem[] {
  const first = new Map<string, number>()
  return candidates.flatMap(({ document, resource }) => {
    const before = first.get(keyOf(resource))
    if (before === undefined) {
      first.set(keyOf(resource), document)
      return []
    }
    return [
      {
        document,
        path: ['metadata', 'name'],
        message: `${resourceLabel(resource)} stands here twice: it is document ${before + 1} already`,
      },
    ]
  })
}

function missingReferences({ document, resource }: Candidate, world: ExistingResources, others: ReadonlySet<string>): Problem[] {
  const { namespace } = resource.metadata
  return referencesOf(resource).flatMap(({ path, kind, name }) => {
    if (world.get(kind as Kind, namespace, name) || others.has(`${kind}/${namespace}/${name}`)) return []
    const names = [...world.list(kind as Kind)].filter((each) => each.metadata.namespace === namespace).map((each) => each.metadata.name)
    const expected = names.length === 0 ? `a ${kind}, of which there is none yet` : `one of ${listed(names)}`
    return [{ document, path, message: `there is no ${kind} ${JSON.stringify(name)}`, expected, suggestion: nearest(name, names) }]
  })
}

function misfits({ document, resource }: Candidate, world: ExistingResources): Problem[] {
  if (resource.kind === 'ModelVersion') return versionMisfits(resource as Resource<'ModelVersion'>, document, world)
  if (resource.kind === 'Rollout') return rolloutMisfits(resource as Resource<'Rollout'>, document, world)
  return resource.kind === 'Experiment' ? experimentMisfits(resource as Resource<'Experiment'>, document, world) : []
}

function listed(names: string[]): string {
  const shown = names.slice(0, 8).join(', ')
  return names.length > 8 ? `${shown}, … (${names.length})` : shown
}

function changedImmutables({ document, resource }: Candidate, existing: ExistingResources): Problem[] {
  const before = existing.get(resource.kind, resource.metadata.namespace, resource.metadata.name)
  const fields: readonly string[] = KINDS[resource.kind].immutable ?? []
  if (!before || fields.length === 0 || !isEstablished(before)) return []
  return fields.flatMap((field) => {
    const path = firstDifference((before.spec as Record<string, unknown>)[field], (resource.spec as Record<string, unknown>)[field], [
      'spec',
      field,
    ])
    if (!path) return []
    const why = resource.kind === 'ModelVersion' ? 'has been ready, so its answers are known by it' : 'exists'
    const expected =
      resource.kind === 'ModelVersion'
        ? 'it as it was; put the change into a new ModelVersion'
        : 'it as it was; create a new one and delete this one'
    return [{ document, path, message: `${resourceLabel(resource)} ${why}: ${JSON.stringify(field)} cannot change any more`, expected }]
  })
}

/** Path of the first place where two JSON values differ; undefined when they are equal. Absent and undefined are the same. */
export function firstDifference(a: unknown, b: unknown, path: FieldPath = []): FieldPath | undefined {
  if (Object.is(a, b)) return undefined
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return path
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return path
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  for (const key of keys) {
    const difference = firstDifference((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], [
      ...path,
      Array.isArray(a) ? Number(key) : key,
    ])
    if (difference) return difference
  }
  return undefined
}

interface Claim {
  /** What may be claimed once in a namespace. */
  readonly what: string
  readonly path: FieldPath
  message(other: Resource): string
  readonly expected: string
}

const versionClaims = ({ spec }: Resource<'ModelVersion'>): Claim[] => [
  {
    what: `${spec.model}@${spec.version}`,
    path: ['spec', 'version'],
    message: (other) => `version ${JSON.stringify(spec.version)} of ${spec.model} is ${resourceLabel(other)} already`,
    expected: 'a version name that the model does not have yet',
  },
]

const modelClaims = ({ spec }: Resource<'Route'>): Claim[] =>
  spec.models.map((model, i) => ({
    what: model,
    path: ['spec', 'models', i],
    message: (other) => `model ${JSON.stringify(model)} is already answered by ${resourceLabel(other)}`,
    expected: 'a name that no other route has',
  }))

const hashClaims = ({ spec }: Resource<'ApiKey'>): Claim[] => [
  {
    what: spec.hash,
    path: ['spec', 'hash'],
    message: (other) => `${resourceLabel(other)} has the same secret`,
    expected: 'a secret of its own',
  },
]

function takenTwice<K extends Kind>(
  candidates: readonly Candidate[],
  world: ExistingResources,
  kind: K,
  claimsOf: (resource: Resource<K>) => Claim[],
): Problem[] {
  if (!candidates.some(({ resource }) => resource.kind === kind)) return []
  const owners = new Map<string, Resource[]>()
  for (const resource of world.list(kind))
    for (const { what } of claimsOf(resource)) {
      const key = kind === 'ApiKey' ? what : `${resource.metadata.namespace} ${what}`
      const known = owners.get(key)
      if (known) known.push(resource)
      else owners.set(key, [resource])
    }
  return candidates.flatMap(({ document, resource }) => {
    if (resource.kind !== kind) return []
    const own = keyOf(resource)
    return claimsOf(resource as never).flatMap((claim, i, all) => {
      if (all.findIndex((each) => each.what === claim.what) < i)
        return [{ document, path: claim.path, message: `${JSON.stringify(claim.what)} stands here twice`, expected: claim.expected }]
      const key = kind === 'ApiKey' ? claim.what : `${resource.metadata.namespace} ${claim.what}`
      const other = owners.get(key)?.find((each) => keyOf(each) !== own)
      return other ? [{ document, path: claim.path, message: claim.message(other), expected: claim.expected }] : []
    })
  })
}
