/** Decisions about a list of models for TensorFlow Serving: what it can be told now, and what is still missing there. No clock, no network. */
import type { MODEL_STATES } from '../../../wire/tensorflow-serving/model-service.ts'

export interface ListedModel {
  readonly name: string
  /** A folder that the server sees, with a folder for each version. */
  readonly basePath: string
  /** Which it shall load; the one of the highest number where nothing is said. */
  readonly versions?: readonly string[] | 'all'
  /** Label → version. */
  readonly labels?: Readonly<Record<string, string>>
}

export interface VersionState {
  readonly version: string
  readonly state: keyof typeof MODEL_STATES
  /** Why it could not be loaded. */
  readonly error?: string
}

/** Model → versions that are loaded. */
export type Available = ReadonlyMap<string, ReadonlySet<string>>

export interface ReloadPlan {
  /** What it can be told now. */
  readonly list: readonly ListedModel[]
  /** Labels whose version must be loaded first. */
  readonly waiting: readonly WaitingLabel[]
}

export interface WaitingLabel {
  readonly model: string
  readonly label: string
  readonly version: string
}

const MOST_VERSION = 2n ** 63n - 1n

/** Why the server would not take this list, or could never set its labels; undefined where nothing is wrong with it. */
export function problemOf(models: readonly ListedModel[]): string | undefined {
  const names = new Set<string>()
  for (const { name, basePath, versions, labels = {} } of models) {
    const model = `model "${name}"`
    if (name === '') return 'a model needs a name'
    if (names.has(name)) return `${model} is listed twice`
    names.add(name)
    if (basePath === '') return `${model} needs a folder`
    if (versions !== 'all' && versions?.length === 0) return `${model}: its list of versions is empty`
    const wrong = [...(Array.isArray(versions) ? versions : []), ...Object.values(labels)].find((version) => !isVersion(version))
    if (wrong !== undefined) return `${model}: "${wrong}" is no version; TensorFlow Serving's are whole numbers`
    const astray = Object.entries(labels).find(([, version]) => Array.isArray(versions) && !versions.includes(version))
    if (astray) return `${model}: label "${astray[0]}" points at version ${astray[1]}, which is not among its versions`
  }
  return undefined
}

const isVersion = (text: string): boolean => /^(0|[1-9]\d{0,18})$/.test(text) && BigInt(text) <= MOST_VERSION

/**
 * `before`: what it was told last. A label of then whose new version is not loaded stays at its old one, which, where versions are listed, stays
 * loaded with it.
 */
export function planReload(models: readonly ListedModel[], available: Available, before: readonly ListedModel[] = []): ReloadPlan {
  const waiting: WaitingLabel[] = []
  const list = models.map((model): ListedModel => {
    const isLoaded = (version: string) => available.get(model.name)?.has(version) === true
    const told = before.find(({ name, basePath }) => name === model.name && basePath === model.basePath)
    const labels = new Map<string, string>()
    const kept: string[] = []
    for (const [label, version] of Object.entries(model.labels ?? {})) {
      if (isLoaded(version)) {
        labels.set(label, version)
        continue
      }
      waiting.push({ model: model.name, label, version })
      const old = told?.labels && Object.hasOwn(told.labels, label) ? told.labels[label] : undefined
      if (old === undefined || !isLoaded(old)) continue
      labels.set(label, old)
      kept.push(old)
    }
    const { versions } = model
    return {
      name: model.name,
      basePath: model.basePath,
      ...(versions === undefined ? {} : { versions: versions === 'all' ? versions : [...new Set([...versions, ...kept])] }),
      ...(labels.size === 0 ? {} : { labels: Object.fromEntries(labels) }),
    }
  })
  return { list, waiting }
}

/** In words, a line each; none where the model has all that it shall have. */
export function whatIsMissing({ name, basePath, versions }: ListedModel, states: readonly VersionState[] = []): string[] {
  // What has been unloaded is told of for ever.
  const there = states.filter(({ state, error }) => state !== 'END' || error !== undefined)
  if (there.length === 0) return [`it finds no version of "${name}" in ${basePath}`]
  if (!Array.isArray(versions))
    return there.some(({ state }) => state === 'AVAILABLE') ? [] : there.map((state) => notAvailable(name, state))
  return versions.flatMap((version) => {
    const found = there.find((state) => state.version === version)
    if (!found) return [`it finds no version ${version} of "${name}" in ${basePath}`]
    return found.state === 'AVAILABLE' ? [] : [notAvailable(name, found)]
  })
}

const notAvailable = (name: string, { version, state, error }: VersionState): string =>
  error === undefined ? `version ${version} of "${name}" is ${state}` : `version ${version} of "${name}" could not be loaded: ${error}`
