/** What the Models pages show, from what control tells: one row a version, its words and its numbers. Pure. */
import type { Rates, TrafficEvent } from '../../../src/control/records/traffic-event.ts'
import type { SystemStatus, VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace, keyOf } from '../api/resources.ts'
import { runningTargets } from '../routes/route-state.ts'
import type { Health } from '../shell/state-mark.tsx'

export interface Share {
  readonly route: string
  readonly namespace: string
  /** Percentage, at most two digits behind the point; 0 for one that stands by as a fallback. */
  readonly weight: number
  readonly fallback: boolean
}

export interface VersionRow {
  /** "namespace/name" of the ModelVersion. */
  readonly key: string
  readonly resource: Resource<'ModelVersion'>
  readonly status: VersionStatus | undefined
  readonly state: string
  readonly health: Health
  /** Why it is in that state, in words; empty when there is nothing to say. */
  readonly reason: string
  readonly shares: readonly Share[]
  readonly rates: Rates | undefined
  /** Of all its instances together; undefined where it is not known (elsewhere, in containers, not running). */
  readonly residentBytes: number | undefined
}

export interface ModelGroup {
  readonly namespace: string
  readonly name: string
  readonly task: string
  readonly description: string | undefined
  readonly versions: readonly VersionRow[]
}

export interface Known {
  readonly models: readonly Resource<'Model'>[]
  readonly versions: readonly Resource<'ModelVersion'>[]
  readonly routes: readonly Resource<'Route'>[]
  readonly status: SystemStatus | undefined
  readonly traffic: TrafficEvent | undefined
}

/** Models by name, versions within newest first. */
export function modelGroups(known: Known): ModelGroup[] {
  return known.models.map(({ metadata: { namespace, name }, spec }) => ({
    namespace,
    name,
    task: spec.task,
    description: spec.description,
    versions: known.versions
      .filter((version) => version.metadata.namespace === namespace && version.spec.model === name)
      .sort((a, b) => compareVersions(b.spec.version, a.spec.version))
      .map((version) => versionRow(version, known)),
  }))
}

export function versionRow(resource: Resource<'ModelVersion'>, { routes, status, traffic }: Known): VersionRow {
  const { namespace, name } = resource.metadata
  const key = keyOf(resource)
  const found = status?.versions.find((each) => each.namespace === namespace && each.name === name)
  const residents = found?.instances.list.flatMap(({ load }) => load?.residentBytes ?? []) ?? []
  return {
    key,
    resource,
    status: found,
    state: found?.state ?? 'Pending',
    health: healthOf(found),
    reason: reasonOf(found),
    shares: sharesOf(namespace, name, routes),
    rates: traffic?.versions[key],
    residentBytes: residents.length === 0 ? undefined : residents.reduce((sum, each) => sum + each, 0),
  }
}

function healthOf(status: VersionStatus | undefined): Health {
  switch (status?.state) {
    case 'Ready':
      return status.simulated ? 'bad' : 'good'
    case 'Failed':
    case 'Degraded':
      return 'bad'
    case 'Stopped':
      return 'idle'
    default:
      return 'busy'
  }
}

function reasonOf(status: VersionStatus | undefined): string {
  if (!status) return 'Control has not looked at it yet.'
  if (status.message) return status.message
  const { engine } = status
  if (status.state === 'Fetching') return engine === 'image' ? 'Its image is being fetched.' : 'Its weights are being fetched.'
  if (status.state === 'Starting') return STARTING[engine]
  if (status.state === 'Pending') return engine === 'backend' ? STARTING.backend : 'Its instances are about to start.'
  return ''
}

const STARTING: Readonly<Record<VersionStatus['engine'], string>> = {
  llama: 'Its instances load the weights.',
  simulated: 'Its instances start.',
  image: 'The servers in its containers start.',
  backend: 'Its backend is asked whether it answers.',
}

function sharesOf(namespace: string, name: string, routes: readonly Resource<'Route'>[]): Share[] {
  return routes
    .filter((route) => route.metadata.namespace === namespace)
    .flatMap((route) => {
      const targets = runningTargets(route)
      const target = targets.find(({ version }) => version === name)
      const fallback = route.spec.fallbacks.some(({ version }) => version === name)
      if (!target && !fallback) return []
      return [{ route: route.metadata.name, namespace, weight: target?.weight ?? 0, fallback: !target && fallback }]
    })
}

/** "SmolLM2-135M-Instruct.Q4_1.gguf" → its name and how it is quantised. */
export function weightsName(file: string | undefined): { readonly name: string; readonly quantisation: string | undefined } | undefined {
  if (file === undefined) return undefined
  const bare = file.replace(/\.gguf$/i, '')
  const quantisation = /[.\-_]((?:IQ|Q|TQ)\d+(?:_[A-Z0-9]+)*|F16|F32|BF16|MXFP4)$/i.exec(bare)
  return { name: quantisation ? bare.slice(0, quantisation.index) : bare, quantisation: quantisation?.[1]?.toUpperCase() }
}

/** "registry:5000/vllm/vllm-openai:v0.11.0@sha256:…" → what it is, and which of it. */
export function imageName(image: string): { readonly name: string; readonly tag: string | undefined; readonly digest: string | undefined } {
  const [, name, tag, digest] = /^(.+?)(?::([^:/@]+))?(?:@sha256:([0-9a-f]+))?$/.exec(image)!
  return { name: name!, tag, digest }
}

/** [-1, 4] → "any × 4": a size that is free is -1. */
export function shapeInWords(shape: readonly number[]): string {
  return shape.length === 0 ? 'one value' : shape.map((size) => (size < 0 ? 'any' : size.toLocaleString('en-US'))).join(' × ')
}

/** " version 3", where it asks for a certain one of the model on its backend. */
export function whichThere(source: Resource<'ModelVersion'>['spec']['source']['backend']): string {
  if (source?.version !== undefined) return ` version ${source.version}`
  return source?.label === undefined ? '' : ` labelled ${source.label}`
}

/** Numbers in names by value: v10 after v9. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Address of a version's page. */
export function versionHref(resource: Resource<'ModelVersion'>): string {
  const { model, version } = resource.spec
  return `/models/${model}/${version}${inNamespace(resource.metadata.namespace)}`
}

/** Address of one of its instances: the version's page with it open. */
export function instanceHref(resource: Resource<'ModelVersion'>, id: string): string {
  const page = versionHref(resource)
  return `${page}${page.includes('?') ? '&' : '?'}instance=${encodeURIComponent(id)}`
}
