/**
 * The snapshot: everything a gateway needs to answer, compiled by control from the resources, immutable and versioned.
 *
 * It is a flat map from entry key to a plain JSON value, in sections. Control streams it whole first and then as deltas (entries set and
 * deleted, base version, checksum). The checksum is a sum over entries, so that both ends can keep it up to date in the size of the change
 * and not of the whole. Secrets never stand in it: a key is there as its hash, a backend's credentials as a reference.
 */
import { createHash } from 'node:crypto'
import type { Protocol } from './backend.ts'
import type { Task } from './model.ts'
import type { Signature } from './model-version.ts'
import type { SecretReference } from './scalars.ts'

/** One way of answering in an experiment. */
export interface CompiledArm {
  readonly name: string
  readonly version: string
  readonly weight: number
  /** In place of the version's own, where a conversation brings no system message. */
  readonly system?: string
  /** In place of the version's defaults, where a request says nothing. */
  readonly sampling?: Readonly<Record<string, unknown>>
}

/** How an experiment divides callers: by its own units and its own salt, the division's uid, so that no two experiments divide them alike. */
export interface CompiledSplit {
  readonly stickyBy: CompiledRoute['stickyBy']
  /** Weights add up to 100. None: callers are only noted, and go where the route says. */
  readonly arms: readonly CompiledArm[]
}

/** Versions of a route whose requests are compared, by whom, and who gets one of them before it has any weight. */
export interface CompiledDivision {
  /** "Rollout/assistant-v2", "Experiment/shorter-prompt" */
  readonly by: string
  readonly uid: string
  /** Counts the tries of one release: what one has seen says nothing of the next. */
  readonly attempt: number
  /** Versions whose requests are compared, among the route's targets. None where an experiment's arms are. */
  readonly arms: readonly string[]
  /** An experiment's. */
  readonly split?: CompiledSplit
  /** Who gets `to` whatever the weights say. Such requests are not compared. */
  readonly preview?: {
    readonly to: string
    /** All of them together. None: nobody by a header. */
    readonly headers: Readonly<Record<string, string>>
    /** Each of them. */
    readonly consumers: readonly string[]
  }
}

export interface CompiledRoute {
  readonly kind: 'route'
  readonly name: string
  readonly namespace: string
  readonly generation: number
  /** Public model names. */
  readonly models: readonly string[]
  /** What runs (a rollout's weights are already laid over the spec). Weights add up to 100. */
  readonly targets: readonly { readonly version: string; readonly weight: number }[]
  /** Who decided the targets: "spec" or e.g. "Rollout/assistant-v2". */
  readonly decidedBy: string
  /** A rollout or an experiment that divides the requests of the route. */
  readonly division?: CompiledDivision
  readonly stickyBy: { readonly header?: string; readonly body?: 'user'; readonly else: 'consumer' | 'random' }
  /** Salt of the sticky hash: the route's uid, so that no two routes split their users alike. */
  readonly salt: string
  readonly fallbacks: readonly { readonly version: string; readonly on: readonly ('unavailable' | 'timeout' | 'overloaded')[] }[]
  /** Milliseconds. */
  readonly timeouts: { readonly connect: number; readonly firstByte: number; readonly idle: number; readonly total: number }
  readonly retries: { readonly attempts: number; readonly on: readonly ('connect' | 'unavailable')[] }
  readonly limits: readonly string[]
}

/** A model of a server that is not ours: what it speaks, and how it is asked. */
export interface ForeignModel {
  readonly protocol: Protocol
  /** What the server calls the model. */
  readonly model: string
  /** The version of the model there. */
  readonly modelVersion?: string
  /** Its label there, in place of a version (TensorFlow Serving). */
  readonly label?: string
  readonly signature?: Signature
  /** It takes the binary extension of the Open Inference Protocol. */
  readonly binary?: boolean
  readonly bearer?: SecretReference
  /** Requests in flight from one gateway to one server at most. */
  readonly maxConcurrent: number
  /** Prompt and sampling that the gateway lays into requests (an engine of ours does it itself). */
  readonly system?: string
  readonly sampling: Readonly<Record<string, unknown>>
}

export interface BackendSource extends ForeignModel {
  readonly type: 'backend'
  /** Name of the Backend. */
  readonly backend: string
  /** Control has looked and found that it does not answer now. */
  readonly down: boolean
  /** Base address, e.g. "http://10.0.0.7:8000/v1". */
  readonly address: string
}

/** A container image that Strata runs instances of. */
export interface ImageInstances extends ForeignModel {
  readonly type: 'image'
  /** What stands before the paths of its protocol: "/v1", or nothing. */
  readonly path: string
}

export type ForeignSource = BackendSource | ImageInstances

export interface CompiledVersion {
  readonly kind: 'version'
  /** Name of the ModelVersion resource; what targets refer to. */
  readonly name: string
  readonly namespace: string
  readonly model: string
  readonly version: string
  readonly task: Task
  readonly uid: string
  readonly generation: number
  readonly source: { readonly type: 'engine'; readonly simulated: boolean } | ForeignSource
  readonly weightsSha256?: string
  /** Requests may wait in the gateway while it has no instance that is ready, because asking for it starts one. */
  readonly hold?: {
    readonly most: number
    readonly forMs: number
    /** How long a start takes, as far as that is known. */
    readonly startupMs?: number
  }
  readonly pricing?: { readonly inputPerMillion: number; readonly outputPerMillion: number; readonly currency: string }
  /** Unix seconds, for `/v1/models`. */
  readonly created: number
}

export interface CompiledConsumer {
  readonly kind: 'consumer'
  readonly name: string
  readonly namespace: string
  readonly models: readonly string[]
  readonly pinVersions: boolean
  readonly priority: 'interactive' | 'standard' | 'batch'
  readonly limits: readonly string[]
}

export interface CompiledKey {
  readonly kind: 'key'
  /** Name of the ApiKey resource. */
  readonly name: string
  readonly namespace: string
  readonly consumer: string
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
}

export interface CompiledLimit {
  readonly kind: 'limit'
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly per: 'key' | 'consumer' | 'model' | 'route' | 'all'
  readonly rules: readonly (
    | { readonly type: 'requests' | 'tokens'; readonly amount: number; readonly everyMs: number; readonly burst: number }
    | { readonly type: 'concurrent'; readonly amount: number }
  )[]
}

/** One instance of a version; in a section of its own, since it changes with health and not with resources. */
export interface CompiledInstance {
  readonly kind: 'instance'
  readonly id: string
  /** Name and namespace of the ModelVersion. */
  readonly version: string
  readonly namespace: string
  readonly address: { readonly socketPath: string } | { readonly host: string; readonly port: number }
  readonly state: 'starting' | 'ready' | 'draining'
  /** Another number after each start of its process: what was held against an earlier run is over. */
  readonly run: number
  /** Requests that it runs at the same time, and that it lets wait beyond. */
  readonly sequences: number
  readonly maxWaiting: number
  /** Work that it has beyond what this gateway knows of, by its own word, in steps; 1 is as much as it runs at once. Absent: not told. */
  readonly pressure?: number
  /** The engine that stands in while the weights are missing. */
  readonly simulated: boolean
}

export interface CompiledSettings {
  readonly kind: 'settings'
  /** Gateways that share the limits. */
  readonly gateways: number
  readonly maxBodyBytes: number
  /** Prompts go into the request records, at most so many bytes of each. Absent: no word of them does. */
  readonly recordPrompts?: { readonly maxBytes: number }
}

export type SnapshotEntry =
  | CompiledRoute
  | CompiledVersion
  | CompiledConsumer
  | CompiledKey
  | CompiledLimit
  | CompiledInstance
  | CompiledSettings

/** Key of an entry: unique over all sections. Keys of ApiKeys are by hash, so that a look-up needs no index. */
export const entryKey = {
  route: (namespace: string, name: string) => `route/${namespace}/${name}`,
  version: (namespace: string, name: string) => `version/${namespace}/${name}`,
  consumer: (namespace: string, name: string) => `consumer/${namespace}/${name}`,
  key: (hash: string) => `key/${hash}`,
  limit: (namespace: string, name: string) => `limit/${namespace}/${name}`,
  instance: (id: string) => `instance/${id}`,
  settings: () => 'settings/gateway',
}

/** Contribution of one entry to the checksum: the first 48 bits of the sha256 of key and JSON. */
export function entryChecksum(key: string, json: string): number {
  return createHash('sha256').update(key).update('\0').update(json).digest().readUIntBE(0, 6)
}

const MODULUS = 2 ** 48

/** Adds (or with sign −1 takes away) an entry's contribution. The empty snapshot has checksum 0. */
export function addChecksum(sum: number, contribution: number, sign: 1 | -1 = 1): number {
  return (((sum + sign * contribution) % MODULUS) + MODULUS) % MODULUS
}

/**
 * Lines of the feed, one JSON object each. `epoch` names the store that counts the versions: after a restore or on another store a
 * gateway must take the whole again, whatever the number says.
 */
export type FeedLine =
  | { type: 'whole'; epoch: string; version: number; entries: number; checksum: number }
  | { type: 'entry'; key: string; value: SnapshotEntry }
  | { type: 'end'; version: number }
  | { type: 'delta'; epoch: string; base: number; version: number; checksum: number; set: Record<string, SnapshotEntry>; del: string[] }
  /** Every 2 s, so that a silent peer is told from a dead one. */
  | { type: 'ping'; version: number; now: number }

/** What a gateway says is left of one rule of a limit for one subject, in its own share. */
export interface RuleState {
  readonly namespace: string
  readonly limit: string
  /** Index in the limit's rules. */
  readonly rule: number
  readonly sort: 'requests' | 'tokens' | 'concurrent'
  /** "namespace/name" of whoever has the bucket; empty for a limit `per: all`. */
  readonly subject: string
  /** Most at once here; 0 where another gateway owns the whole limit. */
  readonly most: number
  readonly left: number
  /** Milliseconds until the whole is there again; absent for concurrency. */
  readonly resetMs?: number
}

/** What a gateway says about a version: it runs it, or why not. */
export interface FeedAck {
  readonly gateway: string
  readonly boot: string
  readonly epoch: string
  readonly version: number
  readonly status: 'ack' | 'nack'
  readonly reason?: string
  /** Instances that drain and have requests of this gateway. */
  readonly busy?: readonly string[]
}
