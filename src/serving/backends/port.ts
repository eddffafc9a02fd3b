/**
 * The port of a server that runs elsewhere, as control sees it: is it there, does it serve, what has it, how busy is it, and, where the
 * server can, loading and unloading. What a request needs on its way is the gateway's (`gateway/protocols`).
 *
 * All adapters pass one suite, `backend.contract.ts`, each against the real server.
 */
import type { Signature } from '../../resources/model-version.ts'

export type ModelState = 'ready' | 'loading' | 'unloaded' | 'failed'

export interface BackendModel {
  readonly name: string
  /** Absent where the server knows no versions. */
  readonly version?: string
  /** The label that it was asked for by. */
  readonly label?: string
  readonly state: ModelState
  /** Why it is not ready, in the server's words. */
  readonly reason?: string
}

/** A model there that a version of ours is about, by its version or its label, or as the server chooses. */
export interface UsedModel {
  readonly model: string
  readonly version?: string
  readonly label?: string
}

export interface WantedModel extends UsedModel {
  /** Where the server finds it: TorchServe's archive, TensorFlow Serving's base path. */
  readonly from?: string
  /** Workers at least and at most, where the server runs a model by workers. */
  readonly workers: { readonly min: number; readonly max: number }
}

export interface BackendLoad {
  /** Requests that are being answered, where the server tells. */
  readonly running?: number
  /** Requests that wait in the server. */
  readonly waiting: number
  /** Share of the KV cache in use, 0 to 1, where the server tells. */
  readonly cacheUsed?: number
}

export interface BackendProbe {
  /** It answers, in its protocol, and takes our credentials. */
  readonly reachable: boolean
  /** It takes requests. A server that loads its model is reachable and not ready. */
  readonly ready: boolean
  /** Why not, for a person. */
  readonly message?: string
  /** What it says it is: "vLLM 0.11.0". */
  readonly server?: string
  /** Absent where it tells nobody. */
  readonly models?: readonly BackendModel[]
  /** It serves nothing but what it lists, so that a model that is not there is a mistake of somebody. */
  readonly onlyListed: boolean
  readonly load?: BackendLoad
  /** Extensions of its protocol that it announces. */
  readonly extensions?: readonly string[]
}

export interface Backend {
  /** Never throws: whatever goes wrong is what was found. */
  probe(signal: AbortSignal, used: readonly UsedModel[]): Promise<BackendProbe>
  /**
   * Makes the server have what is wanted, where it can be told to: loads, scales, and lets go of `dismissed`, which were wanted once. Returns what it
   * did, in words, nothing where all was well. Throws what keeps it from that.
   */
  manage?(wanted: readonly WantedModel[], dismissed: readonly UsedModel[], signal: AbortSignal): Promise<string[]>
  /** What goes in and comes out; undefined where the server does not say. Throws what keeps it from being known. */
  describe?(used: UsedModel, signal: AbortSignal): Promise<Signature | undefined>
}

export const unreachable = (message: string): BackendProbe => ({ reachable: false, ready: false, message, onlyListed: false })
