/**
 * Compiles resources to snapshot entries. Each resource compiles by itself, so that one change costs one entry however many there are;
 * the exceptions are a version that lives on a backend, whose address is laid into the version's entry, and a route that a rollout or an
 * experiment has a say in.
 */
import { type Deciders, effective } from '../../orchestration/experiments/overlay.ts'
import { basePathOf } from '../../resources/image-source.ts'
import type { Kind, Resource } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import { DEFAULT_HOLD } from '../../resources/scaling.ts'
import {
  type CompiledConsumer,
  type CompiledKey,
  type CompiledLimit,
  type CompiledRoute,
  type CompiledVersion,
  entryKey,
  type SnapshotEntry,
} from '../../resources/snapshot.ts'
import { BINARY_EXTENSION } from '../../wire/oip/binary.ts'

export interface CompileLookup {
  backend(namespace: string, name: string): Pick<Resource<'Backend'>, 'spec' | 'status'> | undefined
  task(namespace: string, model: string): CompiledVersion['task'] | undefined
  /** Those of a route. */
  deciders(namespace: string, route: string): Deciders
}

type Entries = [string, SnapshotEntry][]
type Compilers = { [K in Kind]: (resource: Resource<K>, lookup: CompileLookup) => Entries }

const nothing = (): Entries => []

const compilers: Compilers = {
  Model: nothing,
  Backend: nothing,
  Rollout: nothing,
  Experiment: nothing,

  Route(resource, lookup) {
    const { spec, metadata } = resource
    const { name, namespace } = metadata
    const { targets, by, division } = effective(spec, lookup.deciders(namespace, name))
    const entry: CompiledRoute = {
      kind: 'route',
      name,
      namespace,
      generation: metadata.generation ?? 1,
      models: spec.models,
      targets: targets.map(({ version, weight }) => ({ version, weight })),
      decidedBy: by,
      ...(division ? { division } : {}),
      stickyBy: spec.stickyBy,
      salt: metadata.uid ?? name,
      fallbacks: spec.fallbacks,
      timeouts: {
        connect: durationMs(spec.timeouts.connect),
        firstByte: durationMs(spec.timeouts.firstByte),
        idle: durationMs(spec.timeouts.idle),
        total: durationMs(spec.timeouts.total),
      },
      retries: spec.retries,
      limits: spec.limits,
    }
    return [[entryKey.route(namespace, name), entry]]
  },

  ModelVersion(resource, lookup) {
    const { spec, metadata, status } = resource
    const { name, namespace } = metadata
    const source = compileSource(resource, lookup)
    if (!source) return [] // its backend is gone; the version cannot answer
    const entry: CompiledVersion = {
      kind: 'version',
      name,
      namespace,
      model: spec.model,
      version: spec.version,
      task: lookup.task(namespace, spec.model) ?? 'chat',
      uid: metadata.uid ?? name,
      generation: metadata.generation ?? 1,
      source,
      weightsSha256: status?.weights?.sha256,
      hold: compileHold(resource),
      pricing: spec.pricing,
      created: Math.floor(Date.parse(metadata.creationTimestamp ?? '1970-01-01T00:00:00Z') / 1000),
    }
    return [[entryKey.version(namespace, name), entry]]
  },

  Consumer({ spec, metadata: { name, namespace } }) {
    const entry: CompiledConsumer = {
      kind: 'consumer',
      name,
      namespace,
      models: spec.models,
      pinVersions: spec.pinVersions,
      priority: spec.priority,
      limits: spec.limits,
    }
    return [[entryKey.consumer(namespace, name), entry]]
  },

  ApiKey({ spec, metadata: { name, namespace } }) {
    if (spec.revoked) return [] // a gateway that does not know a key refuses it
    const entry: CompiledKey = {
      kind: 'key',
      name,
      namespace,
      consumer: spec.consumer,
      expiresAt: spec.expires === undefined ? undefined : Date.parse(spec.expires),
    }
    return [[entryKey.key(spec.hash), entry]]
  },

  Limit({ spec, metadata: { uid, name, namespace } }) {
    const entry: CompiledLimit = {
      kind: 'limit',
      uid: uid ?? name,
      name,
      namespace,
      per: spec.per,
      rules: spec.rules.map((rule) => {
        if ('concurrent' in rule) return { type: 'concurrent', amount: rule.concurrent }
        const [type, amount] = 'requests' in rule ? (['requests', rule.requests] as const) : (['tokens', rule.tokens] as const)
        // Zero was allowed once, and may be stored.
        return { type, amount, everyMs: Math.max(1, durationMs(rule.every)), burst: rule.burst ?? amount }
      }),
    }
    return [[entryKey.limit(namespace, name), entry]]
  },
}

/** Only what a policy starts can be waited for. */
function compileHold({ spec, status }: Resource<'ModelVersion'>): CompiledVersion['hold'] {
  const { scaling, source } = spec
  if (!scaling.policy || source.backend) return undefined
  const { most, for: patience } = scaling.hold ?? DEFAULT_HOLD
  const startup = status?.scaling?.startupMs
  // In whole seconds: a new snapshot for each measurement would say nothing new.
  return { most, forMs: durationMs(patience), startupMs: startup === undefined ? undefined : Math.ceil(startup / 1000) * 1000 }
}

function compileSource({ spec, metadata, status }: Resource<'ModelVersion'>, lookup: CompileLookup): CompiledVersion['source'] | undefined {
  const { backend, engine, image } = spec.source
  if (engine) return { type: 'engine', simulated: engine.kind === 'simulated' || status?.simulated === true }
  const about = { signature: status?.signature, system: spec.prompt.system, sampling: spec.sampling }
  if (image)
    return {
      type: 'image',
      protocol: image.protocol,
      path: basePathOf(image),
      model: image.model ?? spec.model,
      modelVersion: image.version,
      binary: status?.extensions?.includes(BINARY_EXTENSION) || undefined,
      bearer: image.credentials?.bearer,
      maxConcurrent: image.maxConcurrent,
      ...about,
    }
  const found = backend && lookup.backend(metadata.namespace, backend.name)
  if (!found) return undefined
  const { spec: there } = found
  return {
    type: 'backend',
    protocol: there.protocol,
    backend: backend.name,
    down: status?.conditions.find(({ type }) => type === 'Ready')?.status === 'False',
    address: there.address,
    model: backend.model ?? spec.model,
    modelVersion: backend.version,
    label: backend.label,
    binary: found.status?.extensions?.includes(BINARY_EXTENSION) || undefined,
    bearer: there.credentials?.bearer,
    maxConcurrent: there.maxConcurrent,
    ...about,
  }
}

/** Entries of one resource; none for a resource that a gateway need not know (or must not: a revoked key). */
export function compileResource<K extends Kind>(resource: Resource<K>, lookup: CompileLookup): Entries {
  return compilers[resource.kind](resource, lookup)
}
