/**
 * TensorFlow Serving, by its REST API. It lists its models to nobody, so it is asked for those that versions of ours name; one that it does not know
 * is an answer too.
 */
import { messageOf } from '../../../kernel/errors.ts'
import type { Signature } from '../../../resources/model-version.ts'
import { type ModelVersionStatus, parseModelMetadata, parseModelStatus } from '../../../wire/tensorflow-serving/models.ts'
import { oipDatatype, readTensorFlowError } from '../../../wire/tensorflow-serving/rest.ts'
import { type Answer, type Ask, jsonOf, refusal } from '../ask.ts'
import {
  type Backend,
  type BackendModel,
  type BackendProbe,
  type ModelState,
  type UsedModel,
  unreachable,
  type WantedModel,
} from '../port.ts'
import { listOf } from './manage.ts'
import type { ListedModel } from './plan.ts'
import { reloadModels } from './reload.ts'

/** Asked where no version of ours names a model: that it does not have it is said in the server's own way. */
const NOBODY: UsedModel = { model: 'strata-is-anybody-there' }
const SIGNATURE = 'serving_default'

/** `management`: its gRPC address, and the key for it. */
export function tensorFlowBackend(ask: Ask, management?: { readonly address: string; readonly bearer: () => string | undefined }): Backend {
  /** What it was told last; a server that was started again has forgotten it. */
  let told: readonly ListedModel[] | undefined

  /** What the list names is there or comes; a version that has ended stays in the server's answers. */
  const knowsAll = async (list: readonly ListedModel[], signal: AbortSignal) => {
    const named = list.flatMap(({ name, versions, labels = {} }): UsedModel[] => [
      ...(Array.isArray(versions) ? versions.map((version: string) => ({ model: name, version })) : [{ model: name }]),
      ...Object.keys(labels).map((label) => ({ model: name, label })),
    ])
    const answers = await Promise.all(named.map((each) => ask(pathOf(each), { signal })))
    return answers.every((answer, i) => modelsIn(answer, named[i]!).some(({ state }) => state !== 'unloaded'))
  }

  return {
    ...(management
      ? {
          async manage(wanted: readonly WantedModel[], _dismissed: readonly UsedModel[], signal: AbortSignal) {
            const list = listOf(wanted)
            if (JSON.stringify(list) === JSON.stringify(told) && (await knowsAll(list, signal))) return []
            const bearer = management.bearer()
            await reloadModels(management.address, list, signal, { before: told ?? [], ...(bearer === undefined ? {} : { bearer }) })
            told = list
            return [`told ${list.map(({ name }) => name).join(', ') || 'to have no model'}`]
          },
        }
      : {}),

    async probe(signal, used): Promise<BackendProbe> {
      try {
        const asked = used.length > 0 ? used : [NOBODY]
        const answers = await Promise.all(asked.map((each) => ask(pathOf(each), { signal })))
        for (const answer of answers) {
          const refused = refusal(answer, 'GET /v1/models/…')
          if (refused) return unreachable(refused)
        }
        if (!answers.every(isItsOwn)) return unreachable('it answers, but not as TensorFlow Serving does (GET /v1/models/…)')
        return {
          reachable: true,
          ready: true,
          server: 'TensorFlow Serving',
          models: answers.flatMap((answer, i) => modelsIn(answer, asked[i]!)),
          onlyListed: true,
        }
      } catch (error) {
        return unreachable(messageOf(error))
      }
    },

    async describe(used, signal): Promise<Signature | undefined> {
      const answer = await ask(`${pathOf(used)}/metadata`, { signal })
      if (answer.status !== 200)
        throw new Error(readTensorFlowError(jsonOf(answer)) ?? `HTTP ${answer.status} to GET ${pathOf(used)}/metadata`)
      const { signatures } = parseModelMetadata(jsonOf(answer))
      const found = signatures.get(SIGNATURE) ?? [...signatures].find(([, { method }]) => method.endsWith('/predict'))?.[1]
      if (!found) return undefined
      const heads = (tensors: typeof found.inputs) =>
        tensors.map(({ name, dtype, shape }) => ({ name, datatype: oipDatatype(dtype) ?? dtype, shape: [...(shape ?? [-1])] }))
      return { inputs: heads(found.inputs), outputs: heads(found.outputs) }
    },
  }
}

function pathOf({ model, version, label }: UsedModel): string {
  const which =
    version !== undefined ? `/versions/${encodeURIComponent(version)}` : label !== undefined ? `/labels/${encodeURIComponent(label)}` : ''
  return `/v1/models/${encodeURIComponent(model)}${which}`
}

/** A status, or an error in its shape. */
function isItsOwn(answer: Answer): boolean {
  const json = jsonOf(answer)
  return answer.status === 200
    ? Array.isArray((json as { model_version_status?: unknown } | null)?.model_version_status)
    : readTensorFlowError(json) !== undefined
}

function modelsIn(answer: Answer, { model, version, label }: UsedModel): BackendModel[] {
  if (answer.status === 200)
    return parseModelStatus(jsonOf(answer)).map((status) => ({
      name: model,
      version: status.version,
      ...(label === undefined ? {} : { label }),
      ...stateOf(status),
    }))
  if (model === NOBODY.model || (version === undefined && label === undefined)) return []
  // The model may be there and this version not: its own words say which.
  const reason = readTensorFlowError(jsonOf(answer))
  return [{ name: model, ...(version === undefined ? { label } : { version }), state: 'unloaded', ...(reason ? { reason } : {}) }]
}

function stateOf({ state, status }: ModelVersionStatus): { state: ModelState; reason?: string } {
  if (status.error_code !== 'OK') return { state: 'failed', reason: status.error_message || status.error_code }
  if (state === 'AVAILABLE') return { state: 'ready' }
  return { state: state === 'START' || state === 'LOADING' ? 'loading' : 'unloaded' }
}
