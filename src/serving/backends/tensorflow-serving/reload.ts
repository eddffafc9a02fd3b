/**
 * TensorFlow Serving's list of models, which can only be replaced as a whole, by its gRPC port. Two facts of the server make that more than a call:
 *
 * - A label can only point at a version that is loaded already. So it is told the list without the labels whose version is not, and again, with
 *   them, when they are.
 * - It answers when the models that are new have a version loaded; where one never has any, it never answers, nor to any later list. So it is
 *   asked what is missing when the time is over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  decodeMessage,
  encodeMessage,
  GET_MODEL_STATUS,
  type Message,
  MODEL_STATES,
  RELOAD_CONFIG,
} from '../../../wire/tensorflow-serving/model-service.ts'
import { callUnary, GrpcError, grpcStatusName } from '../grpc-unary.ts'
import { type Available, type ListedModel, planReload, problemOf, type VersionState, type WaitingLabel, whatIsMissing } from './plan.ts'

export interface ReloadOptions {
  /** Milliseconds for all of it; 60,000 unless said. */
  readonly timeoutMs?: number
  readonly bearer?: string
  /** The list that it was told last. With it, a label that moves to a version that is not loaded yet stays where it is until that is. */
  readonly before?: readonly ListedModel[]
}

const TIMEOUT_MS = 60_000
const POLL_MS = 200
const QUESTION_MS = 5_000
/** Models that are asked about at once. */
const AT_ONCE = 8
/** What is asked when the time is over. */
const LAST_QUESTION_MS = 2_000
/** A failure may be of an earlier attempt: it counts when it still stands so long after the list was taken. */
const FAILURE_STANDS_MS = 2_000

/**
 * Replaces the list of models; returns when all labels are where they shall be. Which versions are loaded is not waited for beyond that. Throws in
 * words, about the server as "it"; the list may have been taken all the same, with the labels that could be set.
 */
export async function reloadModels(
  address: string,
  models: readonly ListedModel[],
  signal: AbortSignal,
  { timeoutMs = TIMEOUT_MS, bearer, before = [] }: ReloadOptions = {},
): Promise<void> {
  const problem = problemOf(models)
  if (problem) throw new Error(problem)
  const began = performance.now()
  const left = () => Math.max(1, began + timeoutMs - performance.now())
  const labelled = models.filter(({ labels }) => labels && Object.keys(labels).length > 0)
  const statesNow = () => statesOf(address, labelled, { signal, timeoutMs: Math.min(left(), QUESTION_MS), bearer })
  const tell = async (list: readonly ListedModel[]) => {
    try {
      await replaceList(address, list, { signal, timeoutMs: left(), bearer })
    } catch (error) {
      throw isTimeOver(error) ? await notTaken(address, list, performance.now() - began, bearer) : error
    }
  }

  let states = await statesNow()
  const first = planReload(models, availableIn(states), before)
  await tell(first.list)
  if (first.waiting.length === 0) return

  const takenAt = performance.now()
  const isOpen = ({ model, version }: WaitingLabel): boolean => {
    const found = states.get(model)?.find((each) => each.version === version)
    if (found?.state === 'AVAILABLE') return false
    return found?.error === undefined || performance.now() - takenAt < FAILURE_STANDS_MS
  }
  const forTelling = Math.min(LAST_QUESTION_MS, timeoutMs / 10)
  let isOver = false
  try {
    states = await statesNow()
    while (first.waiting.some(isOpen) && left() > forTelling) {
      await sleep(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
      states = await statesNow()
    }
  } catch (error) {
    if (!isTimeOver(error)) throw error
    isOver = true
  }
  const second = planReload(models, availableIn(states), before)
  if (!isOver && second.waiting.length < first.waiting.length) await tell(second.list)
  if (second.waiting.length > 0) throw new Error(second.waiting.map((label) => notPlaced(label, models, states)).join('; '))
}

function notPlaced(
  { model, label, version }: WaitingLabel,
  models: readonly ListedModel[],
  states: ReadonlyMap<string, readonly VersionState[]>,
): string {
  const listed = models.find(({ name }) => name === model)!
  const [why = 'it is loaded only now'] = whatIsMissing({ ...listed, versions: [version] }, states.get(model))
  return `label "${label}" of model "${model}" cannot point at version ${version}: ${why}`
}

interface Asking {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly bearer: string | undefined
}

async function replaceList(address: string, list: readonly ListedModel[], asking: Asking): Promise<void> {
  const message = encodeMessage('ReloadConfigRequest', { config: { model_config_list: { config: list.map(configOf) } } })
  const { status } = decodeMessage('ReloadConfigResponse', await askService(address, RELOAD_CONFIG, message, asking))
  const code = status?.error_code ?? 0
  if (code !== 0) throw new GrpcError(grpcStatusName(code), `it says ${grpcStatusName(code)}: ${status?.error_message ?? ''}`)
}

function configOf({ name, basePath, versions, labels = {} }: ListedModel): Message<'ModelConfig'> {
  return {
    name,
    base_path: basePath,
    model_platform: 'tensorflow',
    // Without a policy, it takes the latest version alone.
    ...(versions === undefined ? {} : { model_version_policy: versions === 'all' ? { all: {} } : { specific: { versions } } }),
    version_labels: Object.entries(labels).map(([key, value]) => ({ key, value })),
  }
}

/** By model; one of which it knows no version is not among them. */
async function statesOf(address: string, models: readonly ListedModel[], asking: Asking): Promise<ReadonlyMap<string, VersionState[]>> {
  const states = new Map<string, VersionState[]>()
  for (let i = 0; i < models.length; i += AT_ONCE)
    await Promise.all(
      models.slice(i, i + AT_ONCE).map(async ({ name }) => {
        const versions = await modelStates(address, name, asking)
        if (versions.length > 0) states.set(name, versions)
      }),
    )
  return states
}

/** GetModelStatus. None where it knows no version of the model. Throws GrpcError. */
export async function modelStates(address: string, model: string, asking: Asking): Promise<VersionState[]> {
  try {
    const message = encodeMessage('GetModelStatusRequest', { model_spec: { name: model } })
    const answer = decodeMessage('GetModelStatusResponse', await askService(address, GET_MODEL_STATUS, message, asking))
    return (answer.model_version_status ?? []).map(({ version = '0', state = 0, status }) => ({
      version,
      state: (Object.entries(MODEL_STATES).find(([, number]) => number === state)?.[0] as keyof typeof MODEL_STATES) ?? 'UNKNOWN',
      ...(status?.error_code ? { error: status.error_message || grpcStatusName(status.error_code) } : {}),
    }))
  } catch (error) {
    if (error instanceof GrpcError && error.status === 'NOT_FOUND') return []
    throw error
  }
}

async function askService(address: string, path: string, message: Buffer, { signal, timeoutMs, bearer }: Asking): Promise<Buffer> {
  try {
    return await callUnary(address, { path, message, signal, timeoutMs, ...(bearer === undefined ? {} : { bearer }) })
  } catch (error) {
    if (!(error instanceof GrpcError && error.status === 'UNIMPLEMENTED')) throw error
    throw new GrpcError(error.status, 'it speaks gRPC, but has no ModelService of TensorFlow Serving', { cause: error })
  }
}

const availableIn = (states: ReadonlyMap<string, readonly VersionState[]>): Available =>
  new Map(
    [...states].map(([model, versions]) => [
      model,
      new Set(versions.filter(({ state }) => state === 'AVAILABLE').map(({ version }) => version)),
    ]),
  )

/** Ours, the server's own, or that of the caller's signal. */
const isTimeOver = (error: unknown): boolean =>
  (error instanceof GrpcError && error.status === 'DEADLINE_EXCEEDED') || (error instanceof Error && error.name === 'TimeoutError')

async function notTaken(address: string, list: readonly ListedModel[], tookMs: number, bearer: string | undefined): Promise<Error> {
  const words = `it has not taken the list of models within ${Math.round(tookMs / 100) / 10} s`
  try {
    const asking = { signal: AbortSignal.timeout(LAST_QUESTION_MS), timeoutMs: LAST_QUESTION_MS, bearer }
    const states = await statesOf(address, list, asking)
    const missing = list.flatMap((model) => whatIsMissing(model, states.get(model.name)))
    if (missing.length === 0) return new Error(`${words}; it may still wait for a model of an earlier list`)
    return new Error(`${words}: ${missing.join('; ')}. It goes on waiting, and takes no other list before that is there`)
  } catch {
    return new Error(words) // that it does not answer at all is no more than what is said already
  }
}
