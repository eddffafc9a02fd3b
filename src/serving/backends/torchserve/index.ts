/**
 * TorchServe: alive by its inference API, what it has and how busy it is by its management API, where that is given. Where it is not, what both of
 * them, on one port, or the inference API alone say of the models that versions of ours name.
 */
import { messageOf } from '../../../kernel/errors.ts'
import { parseModelList, readTorchServeError, type TorchServeModel } from '../../../wire/torchserve/rest.ts'
import { type Answer, type Ask, jsonOf, refusal } from '../ask.ts'
import { type Backend, type BackendLoad, type BackendModel, type BackendProbe, type UsedModel, unreachable } from '../port.ts'
import { describeAll, describeDefault } from './describe.ts'
import { manageModels } from './manage.ts'

const MOST_PAGES = 10

export function torchServeBackend(ask: Ask, manage: Ask | undefined): Backend {
  return {
    async probe(signal, used): Promise<BackendProbe> {
      try {
        const ping = await ask('/ping', { signal })
        const refused = refusedBy(ping, 'GET /ping')
        if (refused) return unreachable(refused)
        const health = (jsonOf(ping) as { status?: unknown } | null | undefined)?.status
        if (typeof health !== 'string') return unreachable('it answers, but not as TorchServe does (GET /ping)')
        const { models, load } = await (manage ? whatItHas(manage, used, signal) : whatItTells(ask, used, signal))
        const isReady = ping.status === 200 && health === 'Healthy'
        return {
          reachable: true,
          ready: isReady,
          ...(isReady ? {} : { message: `it says that it is "${health.slice(0, 100)}"` }),
          server: 'TorchServe',
          models,
          load,
          onlyListed: manage !== undefined,
        }
      } catch (error) {
        return unreachable(messageOf(error))
      }
    },
    ...(manage ? { manage: (wanted, dismissed, signal) => manageModels(manage, wanted, dismissed, signal) } : {}),
  }
}

/** TorchServe says 400 to a key that is missing or wrong. */
function refusedBy(answer: Answer, asked: string): string | undefined {
  const error = answer.status >= 400 ? readTorchServeError(jsonOf(answer)) : undefined
  if (error?.type === 'InvalidKeyException' || error?.type === 'TokenAuthorizationException')
    return `it refuses our credentials (HTTP ${answer.status} ${error.type} to ${asked})`
  // A server whose models have all died says 500 to a ping, in its own words.
  return answer.status === 500 && jsonOf(answer) !== undefined ? undefined : refusal(answer, asked)
}

/**
 * Where management shares the inference API's port, nothing but `/models/NAME` reaches it, which tells of the default version. Else the inference API
 * describes how a model is asked, or says that there is none; of workers it says nothing.
 */
async function whatItTells(ask: Ask, used: readonly UsedModel[], signal: AbortSignal) {
  const described = await Promise.all(used.map(({ model }) => describeDefault(ask, model, signal)))
  const models = await Promise.all(
    used.map(async (each, i) => {
      const found = described[i]
      const isThat = found && (each.version === undefined || each.version === found.modelVersion)
      return isThat ? [modelOf(found)] : registered(ask, each, signal)
    }),
  )
  return { models: models.flat(), load: loadOf(described.filter((each) => each !== undefined)) }
}

async function registered(ask: Ask, { model, version }: UsedModel, signal: AbortSignal): Promise<BackendModel[]> {
  const path = `/predictions/${encodeURIComponent(model)}${version === undefined ? '' : `/${encodeURIComponent(version)}`}`
  const answer = await ask(path, { method: 'OPTIONS', signal })
  const about = { name: model, ...(version === undefined ? {} : { version }) }
  if (answer.status === 200) return [{ ...about, state: 'ready' }]
  const error = readTorchServeError(jsonOf(answer))
  const unknown = error?.type === 'ModelNotFoundException' || error?.type === 'ModelVersionNotFoundException'
  return unknown ? [{ ...about, state: 'unloaded', reason: error.message }] : []
}

async function whatItHas(manage: Ask, used: readonly UsedModel[], signal: AbortSignal) {
  const names = await modelNames(manage, signal)
  const ours = [...new Set(used.map(({ model }) => model))].filter((name) => names.includes(name))
  const described = await Promise.all(ours.map((name) => describeAll(manage, name, signal)))
  const all = described.flat()
  return {
    models: [...all.map(modelOf), ...names.filter((name) => !ours.includes(name)).map((name): BackendModel => ({ name, state: 'ready' }))],
    load: loadOf(all),
  }
}

function loadOf(described: readonly TorchServeModel[]): BackendLoad | undefined {
  const queues = described.flatMap(({ jobQueueStatus }) => jobQueueStatus ?? [])
  return queues.length === 0 ? undefined : { waiting: queues.reduce((sum, { pendingRequests }) => sum + pendingRequests, 0) }
}

async function modelNames(manage: Ask, signal: AbortSignal): Promise<string[]> {
  const names: string[] = []
  let token: string | undefined
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await manage(`/models?limit=100${token === undefined ? '' : `&next_page_token=${encodeURIComponent(token)}`}`, {
      signal,
    })
    const refused = refusedBy(answer, 'GET /models of its management')
    if (refused || answer.status !== 200) throw new Error(refused ?? `it answers HTTP ${answer.status} to GET /models of its management`)
    const list = parseModelList(jsonOf(answer))
    names.push(...list.models.map(({ modelName }) => modelName))
    if (!list.nextPageToken) break
    token = list.nextPageToken
  }
  return names
}

/** A model answers as soon as one worker is up; with none wanted it is registered and no more. */
function modelOf({ modelName, modelVersion, minWorkers, workers }: TorchServeModel): BackendModel {
  const ready = workers.filter(({ status }) => status === 'READY').length
  const reason = `${ready} of ${minWorkers} workers are ready`
  if (ready > 0) return { name: modelName, version: modelVersion, state: 'ready' }
  return minWorkers === 0
    ? { name: modelName, version: modelVersion, state: 'unloaded', reason: 'it has no workers' }
    : { name: modelName, version: modelVersion, state: 'loading', reason }
}
