/** What is known of a backend, in words. Pure. */
import type { Resource, Spec, Status } from '../../../src/resources/index.ts'
import type { SecretReference } from '../../../src/resources/scalars.ts'
import type { Share, VersionRow } from '../models/versions.ts'
import type { Health } from '../shell/state-mark.tsx'

type Protocol = Spec<'Backend'>['protocol']
export type ModelThere = NonNullable<Status<'Backend'>['models']>[number]

export interface BackendState {
  readonly health: Health
  readonly word: string
  /** What keeps it from serving, in the words of who has asked it; empty where nothing does. */
  readonly reason: string
  /** ISO 8601; absent where nobody has looked yet. */
  readonly since?: string
}

/** Reachable says whether it is there at all, Ready whether it takes requests. */
export function backendState({ metadata, status }: Pick<Resource<'Backend'>, 'metadata' | 'status'>): BackendState {
  const find = (wanted: string) => status?.conditions.find(({ type }) => type === wanted)
  const reachable = find('Reachable')
  const ready = find('Ready')
  // What was found at an address of before says nothing about the one of now.
  if (!reachable || !ready || ready.status === 'Unknown' || status?.observedGeneration !== metadata.generation)
    return { health: 'busy', word: 'Asking', reason: '' }
  if (reachable.status === 'False') return { health: 'bad', word: 'Down', reason: reachable.message, since: reachable.lastTransitionTime }
  if (ready.status === 'False') return { health: 'busy', word: 'Not ready', reason: ready.message, since: ready.lastTransitionTime }
  return { health: 'good', word: 'Ready', reason: '', since: ready.lastTransitionTime }
}

export const PROTOCOLS: Readonly<
  Record<Protocol, { readonly name: string; readonly lesson: string; readonly address: string; readonly management: string }>
> = {
  openai: {
    name: 'OpenAI',
    lesson: 'Chat, completions and embeddings as OpenAI has them. vLLM, llama-server, SGLang, Ollama, TGI and hosted providers speak it.',
    address: 'http://10.0.0.7:8000/v1',
    management: 'http://10.0.0.7:8001',
  },
  oip: {
    name: 'Open Inference Protocol',
    lesson: 'Named tensors in, named tensors out, at /v2/models/NAME/infer. Triton, MLServer and KServe speak it.',
    address: 'http://10.0.0.8:8000',
    management: 'http://10.0.0.8:8001',
  },
  torchserve: {
    name: 'TorchServe',
    lesson: 'A body in, a body out, at /predictions/NAME. What it has and how busy it is are asked at its management address.',
    address: 'http://10.0.0.8:8080',
    management: 'http://10.0.0.8:8081',
  },
  'tensorflow-serving': {
    name: 'TensorFlow Serving',
    lesson: 'Instances in, predictions out, as JSON at /v1/models/NAME:predict.',
    address: 'http://10.0.0.9:8501',
    management: 'http://10.0.0.9:8500',
  },
}

/** Where a secret is read from. The secret itself never comes here. */
export function secretInWords(reference: SecretReference): { readonly from: string; readonly name: string } {
  return 'env' in reference ? { from: 'the environment variable', name: reference.env } : { from: 'the file', name: reference.file }
}

export interface Leads {
  readonly route: string
  readonly namespace: string
  readonly shares: readonly (Share & { readonly version: VersionRow })[]
}

/** The routes that lead to one of these versions, by name; what each gives to which. */
export function leadsTo(versions: readonly VersionRow[]): Leads[] {
  const found = new Map<string, Leads & { shares: Leads['shares'][number][] }>()
  for (const version of versions)
    for (const share of version.shares) {
      const { route, namespace } = share
      const leads = found.get(route) ?? { route, namespace, shares: [] }
      leads.shares.push({ ...share, version })
      found.set(route, leads)
    }
  return [...found.values()].sort((a, b) => a.route.localeCompare(b.route))
}

/** Who is hurt when it does not answer. */
export function consequence(versions: readonly VersionRow[]): string {
  if (versions.length === 0) return 'No version lives on it.'
  const leads = leadsTo(versions)
  const hurt = leads.filter(({ shares }) => shares.some(({ weight }) => weight > 0)).map(({ route }) => route)
  if (hurt.length > 0)
    return hurt.length === 1 ? `The route ${hurt[0]} sends requests there.` : `The routes ${hurt.join(', ')} send requests there.`
  if (leads.length === 0) return 'No route sends requests there.'
  return `It stands by for ${leads.map(({ route }) => route).join(', ')}.`
}

/** ": nobody listens there", to go on a sentence that ends with a full stop; a reason may bring its own. */
export function because(reason: string): string {
  return reason === '' ? '' : `: ${reason.replace(/\.$/, '')}`
}

/** What the version asks for there; where it names no version, each that the model has there. */
export function isFor({ resource }: VersionRow, there: ModelThere): boolean {
  const { backend } = resource.spec.source
  if ((backend?.model ?? resource.spec.model) !== there.name) return false
  return backend?.version === undefined || there.version === undefined || backend.version === there.version
}

/** Each word of `typed` stands in the name, the state or the reason; what is wrong first, then by name. */
export function modelsFound(models: readonly ModelThere[], typed: string): ModelThere[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  return models
    .filter(({ name, state, reason }) => {
      const text = [name, MODEL_STATES[state].word, reason].join(' ').toLowerCase()
      return words.every((word) => text.includes(word))
    })
    .sort((a, b) => RANK[a.state] - RANK[b.state] || a.name.localeCompare(b.name, 'en', { numeric: true }))
}

const RANK: Readonly<Record<ModelThere['state'], number>> = { failed: 0, loading: 1, ready: 2, unloaded: 3 }

export const MODEL_STATES: Readonly<Record<ModelThere['state'], { readonly health: Health; readonly word: string }>> = {
  ready: { health: 'good', word: 'ready' },
  loading: { health: 'busy', word: 'loading' },
  unloaded: { health: 'idle', word: 'not loaded' },
  failed: { health: 'bad', word: 'failed' },
}
