/** What goes in and out of the models on backends: asked when a model has become ready, and again now and then. */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { Signature } from '../../resources/model-version.ts'
import type { Backend, UsedModel } from '../../serving/backends/index.ts'

export interface Signatures {
  /** What is known now; asks in the background where that is nothing or old, and calls `onChange` when there is something new. */
  of(backend: Backend, used: UsedModel): Signature | undefined
}

const AGAIN_MS = 60_000

interface Known {
  signature?: Signature
  askedAt: number
}

export function createSignatures(options: { clock: Clock; log: Log; signal: AbortSignal; onChange: () => void }): Signatures {
  const { clock, log, signal, onChange } = options
  /** Of one connected backend: a changed address or key is another. */
  const known = new WeakMap<Backend, Map<string, Known>>()

  const ask = async (backend: Backend, used: UsedModel, entry: Known) => {
    try {
      const signature = await backend.describe!(used, signal)
      const same = JSON.stringify(signature) === JSON.stringify(entry.signature)
      entry.signature = signature
      if (!same && !signal.aborted) onChange()
    } catch (error) {
      if (!signal.aborted) log.warn('a backend does not describe a model of it', { ...used, error: messageOf(error) })
    }
  }

  return {
    of(backend, used) {
      if (!backend.describe) return undefined
      const models = known.get(backend) ?? new Map<string, Known>()
      known.set(backend, models)
      const key = JSON.stringify(used)
      const entry = models.get(key) ?? { askedAt: Number.NEGATIVE_INFINITY }
      models.set(key, entry)
      if (clock.monotonic() - entry.askedAt >= AGAIN_MS) {
        entry.askedAt = clock.monotonic()
        void ask(backend, used, entry)
      }
      return entry.signature
    },
  }
}
