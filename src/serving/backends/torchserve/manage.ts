/** Registering, scaling and unregistering models in TorchServe, by its management API. */
import { readTorchServeError, type TorchServeModel } from '../../../wire/torchserve/rest.ts'
import { type Ask, jsonOf } from '../ask.ts'
import type { UsedModel, WantedModel } from '../port.ts'
import { describeAll } from './describe.ts'

/** Registering brings the archive, and may install what it requires. */
const REGISTER_MS = 10 * 60_000

export type Step =
  | { readonly type: 'register'; readonly from: string; readonly model: string; readonly workers: WantedModel['workers'] }
  | { readonly type: 'scale'; readonly model: string; readonly version: string | undefined; readonly workers: WantedModel['workers'] }
  | { readonly type: 'unregister'; readonly model: string; readonly version: string | undefined }

/** What is to be done, given what is registered. Pure. */
export function planSteps(wanted: readonly WantedModel[], dismissed: readonly UsedModel[], registered: readonly TorchServeModel[]): Step[] {
  const steps: Step[] = []
  const find = ({ model, version }: UsedModel) =>
    registered.find(({ modelName, modelVersion }) => modelName === model && (version === undefined || version === modelVersion))
  for (const each of wanted) {
    const { model, version, from, workers } = each
    const there = find(each)
    if (!there) {
      if (from !== undefined) steps.push({ type: 'register', from, model, workers })
    } else if (there.minWorkers !== workers.min || there.maxWorkers !== workers.max) steps.push({ type: 'scale', model, version, workers })
  }
  for (const each of dismissed) {
    const still = wanted.some(({ model, version }) => model === each.model && (!version || !each.version || version === each.version))
    if (!still && find(each)) steps.push({ type: 'unregister', model: each.model, version: each.version })
  }
  return steps
}

export async function manageModels(
  manage: Ask,
  wanted: readonly WantedModel[],
  dismissed: readonly UsedModel[],
  signal: AbortSignal,
): Promise<string[]> {
  const names = [...new Set([...wanted, ...dismissed].map(({ model }) => model))]
  const registered = (await Promise.all(names.map((name) => describeAll(manage, name, signal)))).flat()
  const done: string[] = []
  for (const step of planSteps(wanted, dismissed, registered)) {
    const { method, path, words } = callOf(step)
    const answer = await manage(path, { method, signal, timeoutMs: REGISTER_MS })
    if (answer.status >= 300)
      throw new Error(
        `it does not ${words}: ${readTorchServeError(jsonOf(answer))?.message ?? `HTTP ${answer.status} to ${method} ${path}`}`,
      )
    done.push(words)
  }
  return done
}

function callOf(step: Step): { method: 'POST' | 'PUT' | 'DELETE'; path: string; words: string } {
  const name = encodeURIComponent(step.model)
  switch (step.type) {
    case 'register': {
      const url = encodeURIComponent(step.from)
      const path = `/models?url=${url}&model_name=${name}&initial_workers=${step.workers.min}&synchronous=true`
      return { method: 'POST', path, words: `register "${step.model}" from ${step.from}` }
    }
    case 'scale': {
      const { min, max } = step.workers
      const path = `/models/${name}${suffix(step.version)}?min_worker=${min}&max_worker=${max}&synchronous=true`
      return { method: 'PUT', path, words: `scale "${step.model}" to ${min} workers` }
    }
    case 'unregister':
      return { method: 'DELETE', path: `/models/${name}${suffix(step.version)}`, words: `unregister "${step.model}"` }
    default:
      return step satisfies never
  }
}

const suffix = (version: string | undefined) => (version === undefined ? '' : `/${encodeURIComponent(version)}`)
