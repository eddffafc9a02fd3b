/**
 * Registering, scaling and unregistering models in TorchServe, by its management API.
 *
 * Of each model one version is the default: requests without a version go to it, and TorchServe does not unregister it while it has others. The first that
 * was registered is, until somebody chooses another; Strata chooses only where the default itself has to go.
 */
import { readTorchServeError, type TorchServeModel } from '../../../wire/torchserve/rest.ts'
import { type Ask, jsonOf } from '../ask.ts'
import type { UsedModel, WantedModel } from '../port.ts'
import { defaultVersion, describeAll } from './describe.ts'

/** Registering brings the archive, and may install what it requires. */
const REGISTER_MS = 10 * 60_000

interface Named {
  readonly model: string
  /** Undefined: whichever is the default there. */
  readonly version: string | undefined
}
type Register = Named & { readonly type: 'register'; readonly from: string }
export type Step =
  | Register
  | (Named & { readonly type: 'scale'; readonly workers: WantedModel['workers'] })
  | (Named & { readonly type: 'set-default'; readonly version: string })
  | (Named & { readonly type: 'unregister' })

/** What is to be done, given what is registered and which version of each model is the default. Pure. */
export function planSteps(
  wanted: readonly WantedModel[],
  dismissed: readonly UsedModel[],
  registered: readonly TorchServeModel[],
  defaults: ReadonlyMap<string, string>,
): Step[] {
  const find = ({ model, version = defaults.get(model) }: UsedModel) =>
    registered.find(({ modelName, modelVersion }) => modelName === model && version === modelVersion)
  const steps: Step[] = []
  for (const each of wanted) {
    const { model, version, from, workers } = each
    const there = find(each)
    if (!there) {
      if (from === undefined) continue
      steps.push({ type: 'register', from, model, version })
    }
    // What was just registered has no workers yet.
    if ((there?.minWorkers ?? 0) !== workers.min || (there?.maxWorkers ?? 0) !== workers.max)
      steps.push({ type: 'scale', model, version, workers })
  }
  const leaving = dismissed.filter(
    (each) =>
      find(each) && !wanted.some(({ model, version }) => model === each.model && (!version || !each.version || version === each.version)),
  )
  for (const model of new Set(leaving.map((each) => each.model))) {
    const current = defaults.get(model)
    const versions = new Set(leaving.filter((each) => each.model === model).map(({ version }) => version ?? current))
    const last = versions.delete(current)
    for (const version of versions) steps.push({ type: 'unregister', model, version })
    if (!last) continue
    const heir = newest(wanted.filter((each) => each.model === model && (each.from !== undefined || find(each))))
    if (heir !== undefined) steps.push({ type: 'set-default', model, version: heir })
    steps.push({ type: 'unregister', model, version: current })
  }
  return steps
}

const { compare } = new Intl.Collator('en', { numeric: true })

/** The highest version, numbers in it compared as numbers: 1.10 is above 1.9. */
const newest = (models: readonly WantedModel[]): string | undefined =>
  models
    .flatMap(({ version }) => version ?? [])
    .toSorted(compare)
    .at(-1)

/** A step that is refused keeps back the later ones of its model, and of no other. */
export async function manageModels(
  manage: Ask,
  wanted: readonly WantedModel[],
  dismissed: readonly UsedModel[],
  signal: AbortSignal,
): Promise<string[]> {
  const names = new Set([...wanted, ...dismissed].map(({ model }) => model))
  const registered = (await Promise.all([...names].map((name) => describeAll(manage, name, signal)))).flat()
  const defaults = new Map(registered.map(({ modelName, modelVersion }) => [modelName, modelVersion]))
  for (const name of names) {
    if (registered.filter(({ modelName }) => modelName === name).length < 2) continue // the only one is the default
    const version = await defaultVersion(manage, name, signal)
    if (version !== undefined) defaults.set(name, version)
  }
  const done: string[] = []
  const refused = new Map<string, string>()
  for (const step of planSteps(wanted, dismissed, registered, defaults)) {
    if (refused.has(step.model)) continue
    const { words } = callOf(step)
    const problem = await take(manage, step, signal)
    if (problem === undefined) done.push(words)
    else refused.set(step.model, `it does not ${words}: ${problem}`)
  }
  if (refused.size > 0) throw new Error([...refused.values()].join('; '))
  return done
}

/** Returns what keeps TorchServe from it, and what to do about that. */
async function take(manage: Ask, step: Step, signal: AbortSignal): Promise<string | undefined> {
  const before = step.type === 'register' ? await describeAll(manage, step.model, signal) : []
  const { method, path } = callOf(step)
  const answer = await manage(path, { method, signal, timeoutMs: REGISTER_MS })
  if (answer.status < 300) return step.type === 'register' ? takeBack(manage, step, before, signal) : undefined
  const error = readTorchServeError(jsonOf(answer))
  if (!error) return `HTTP ${answer.status} to ${method} ${path}`
  if (step.type === 'register' && error.type === 'ConflictStatusException') return `${error.message}. ${otherVersion(step)}`
  return step.type === 'unregister' && error.type === 'InvalidModelVersionException'
    ? `${error.message}. It has versions that Strata does not manage: make one of them the default (PUT /models/${step.model}/VERSION/set-default)`
    : error.message
}

/** TorchServe takes the version from the archive, whatever it is asked for: what nobody wants is unregistered again. */
async function takeBack(manage: Ask, step: Register, before: readonly TorchServeModel[], signal: AbortSignal): Promise<string | undefined> {
  if (step.version === undefined) return undefined
  const now = (await describeAll(manage, step.model, signal)).map(({ modelVersion }) => modelVersion)
  if (now.includes(step.version)) return undefined
  const come = now.filter((version) => !before.some(({ modelVersion }) => modelVersion === version))
  for (const version of come) {
    const problem = await take(manage, { type: 'unregister', model: step.model, version }, signal)
    if (problem !== undefined) return `the archive is version ${version}, and stays registered: ${problem}`
  }
  return `the archive is version ${come.join(', ') || 'unknown'}. ${otherVersion(step)}`
}

const otherVersion = ({ version }: Register) =>
  `TorchServe goes by the version in the archive: name an archive of version ${version ?? 'another'} in \`from\`, or the archive's own version in \`version\``

function callOf(step: Step): { method: 'POST' | 'PUT' | 'DELETE'; path: string; words: string } {
  const name = encodeURIComponent(step.model)
  const path = `/models/${name}${step.version === undefined ? '' : `/${encodeURIComponent(step.version)}`}`
  const words = `"${step.model}"${step.version === undefined ? '' : ` version ${step.version}`}`
  switch (step.type) {
    case 'register': {
      const query = `url=${encodeURIComponent(step.from)}&model_name=${name}&initial_workers=0&synchronous=true`
      return { method: 'POST', path: `/models?${query}`, words: `register ${words} from ${step.from}` }
    }
    case 'scale': {
      const { min, max } = step.workers
      return {
        method: 'PUT',
        path: `${path}?min_worker=${min}&max_worker=${max}&synchronous=true`,
        words: `scale ${words} to ${min} workers`,
      }
    }
    case 'set-default':
      return { method: 'PUT', path: `${path}/set-default`, words: `make ${words} the default` }
    case 'unregister':
      return { method: 'DELETE', path, words: `unregister ${words}` }
    default:
      return step satisfies never
  }
}
