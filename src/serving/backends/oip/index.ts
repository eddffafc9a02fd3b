/** Servers of the Open Inference Protocol v2 (Triton, MLServer, KServe's runtimes), by its REST and, where there is one, the repository extension. */
import { messageOf } from '../../../kernel/errors.ts'
import type { Signature } from '../../../resources/model-version.ts'
import {
  parseModelMetadata,
  parseRepositoryIndex,
  parseServerMetadata,
  type RepositoryIndexEntry,
  readOipError,
  type TensorMetadata,
} from '../../../wire/oip/infer.ts'
import { type Ask, jsonOf, refusal } from '../ask.ts'
import { type Backend, type BackendModel, type BackendProbe, type ModelState, unreachable } from '../port.ts'

/** A model of many gigabytes takes its time. */
const LOAD_MS = 10 * 60_000

export function oipBackend(ask: Ask): Backend {
  return {
    async probe(signal): Promise<BackendProbe> {
      try {
        const live = await ask('/v2/health/live', { signal })
        const refused = refusal(live, 'GET /v2/health/live')
        if (refused) return unreachable(refused)
        const [metadata, ready, index] = await Promise.all([
          ask('/v2', { signal }),
          ask('/v2/health/ready', { signal }),
          ask('/v2/repository/index', { method: 'POST', body: {}, signal }),
        ])
        const said = jsonOf(metadata)
        if (live.status !== 200 || metadata.status !== 200 || said === undefined)
          return unreachable('it answers, but not in the Open Inference Protocol (GET /v2)')
        const { name, version, extensions } = parseServerMetadata(said)
        // The repository is an extension: a server without it tells nobody what it has.
        const models = index.status === 200 ? parseRepositoryIndex(jsonOf(index)).map(modelOf) : undefined
        const isReady = ready.status === 200
        return {
          reachable: true,
          ready: isReady,
          ...(isReady ? {} : { message: `it is not ready (HTTP ${ready.status} to GET /v2/health/ready)` }),
          server: version ? `${name} ${version}` : name,
          extensions,
          models,
          onlyListed: models !== undefined,
        }
      } catch (error) {
        return unreachable(messageOf(error))
      }
    },

    async manage(wanted, dismissed, signal) {
      const done: string[] = []
      const index = await ask('/v2/repository/index', { method: 'POST', body: {}, signal })
      if (index.status !== 200) throw new Error(`it cannot be told to load models (HTTP ${index.status} to POST /v2/repository/index)`)
      const entries = parseRepositoryIndex(jsonOf(index)).map(modelOf)
      const isReady = (model: string) => entries.some(({ name, state }) => name === model && (state === 'ready' || state === 'loading'))
      const tell = async (model: string, what: 'load' | 'unload') => {
        const path = `/v2/repository/models/${encodeURIComponent(model)}/${what}`
        const answer = await ask(path, { method: 'POST', body: {}, signal, timeoutMs: LOAD_MS })
        if (answer.status !== 200)
          throw new Error(`it does not ${what} "${model}": ${readOipError(jsonOf(answer)) ?? `HTTP ${answer.status} to POST ${path}`}`)
        done.push(`${what}ed ${model}`)
      }
      // The protocol loads and unloads models and not versions of them.
      const names = new Set(wanted.map(({ model }) => model))
      for (const model of names) if (!isReady(model)) await tell(model, 'load')
      for (const model of new Set(dismissed.map((each) => each.model))) if (!names.has(model) && isReady(model)) await tell(model, 'unload')
      return done
    },

    async describe({ model, version }, signal): Promise<Signature | undefined> {
      const answer = await ask(modelPath(model, version), { signal })
      if (answer.status !== 200)
        throw new Error(readOipError(jsonOf(answer)) ?? `HTTP ${answer.status} to GET ${modelPath(model, version)}`)
      const { inputs, outputs } = parseModelMetadata(jsonOf(answer))
      // Metadata is optional: MLServer has it where somebody wrote it down.
      return inputs.length + outputs.length === 0 ? undefined : { inputs: inputs.map(headOf), outputs: outputs.map(headOf) }
    },
  }
}

const headOf = ({ name, datatype, shape }: TensorMetadata) => ({ name, datatype, shape })

const modelPath = (model: string, version: string | undefined) =>
  `/v2/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`

function modelOf({ name, version, state, reason }: RepositoryIndexEntry): BackendModel {
  return {
    name,
    ...(version ? { version } : {}),
    state: stateOf(state, reason),
    ...(reason ? { reason } : {}),
  }
}

/** Triton writes `UNAVAILABLE` both for a model that nobody loaded and for one that it could not load; the reason tells them apart. */
function stateOf(state: string | null | undefined, reason: string | null | undefined): ModelState {
  if (state === 'READY') return 'ready'
  if (state === 'LOADING') return 'loading'
  return reason && reason !== 'unloaded' ? 'failed' : 'unloaded'
}
