/** What a route's status says, in words. Pure. */
import type { SystemStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace } from '../api/resources.ts'
import type { Health } from '../shell/state-mark.tsx'
import type { Target } from './weights.ts'

export function routeState(route: Resource<'Route'>): { readonly health: Health; readonly word: string; readonly reason: string } {
  const ready = route.status?.conditions.find(({ type }) => type === 'Ready')
  if (!ready || ready.status === 'Unknown') return { health: 'busy', word: 'Pending', reason: '' }
  if (ready.status === 'True') return { health: 'good', word: 'Ready', reason: '' }
  return { health: 'bad', word: 'Not ready', reason: ready.message }
}

/** What gateways do now, which a rollout may have decided otherwise than it is written. */
export function runningTargets(route: Resource<'Route'>): readonly Target[] {
  const { effective } = route.status ?? {}
  // The status follows the spec a moment later; until then what is written is what gateways were told.
  if (!effective || effective.by === 'spec') return route.spec.targets
  return effective.targets.map(({ version, weight }) => ({ version, weight: Number(weight.toFixed(2)) }))
}

/** Who decides in place of what is written: the name of a rollout or an experiment. */
export function decidedBy(route: Resource<'Route'>): string | undefined {
  const by = route.status?.effective?.by
  return by === undefined || by === 'spec' ? undefined : by
}

/** "the release assistant-v2", "the experiment shorter" */
export function deciderInWords(by: string): string {
  return by.replace(/^Rollout\//, 'the release ').replace(/^Experiment\//, 'the experiment ')
}

/** Where that decision is made. */
export function deciderHref(by: string, namespace: string): string | undefined {
  const [kind, name] = by.split('/', 2)
  const folder = kind === 'Rollout' ? 'releases' : kind === 'Experiment' ? 'experiments' : undefined
  return folder && `/${folder}/${name}${inNamespace(namespace)}`
}

/** How many of the gateways run what control has last said. */
export function gatewaysUpToDate(status: SystemStatus | undefined): { readonly current: number; readonly all: number } {
  const gateways = (status?.gateways ?? []).filter(({ connected }) => connected)
  const newest = status?.snapshot.version ?? 0
  return { current: gateways.filter(({ version, status: ack }) => ack === 'ack' && version >= newest).length, all: gateways.length }
}
