/** How far back a page looks, hours (points are kept for a week), and how a version is marked. Pure. */
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace } from '../api/resources.ts'
import type { Health } from '../shell/state-mark.tsx'

export const RANGES = [
  { hours: 1, label: '1 h' },
  { hours: 6, label: '6 h' },
  { hours: 24, label: '24 h' },
  { hours: 168, label: '7 d' },
] as const

export function isRange(hours: number): boolean {
  return RANGES.some((range) => range.hours === hours)
}

/** None is wanted of one that nobody asks for. */
export function healthOf({ ready, wanted }: { readonly ready: number; readonly wanted: number }): Health {
  return ready !== wanted ? 'busy' : wanted === 0 ? 'idle' : 'good'
}

export function scalingHref({ name, namespace }: Pick<Resource['metadata'], 'name' | 'namespace'>, hours = 1): string {
  const page = `/autoscaling/${name}${inNamespace(namespace)}`
  return hours === 1 ? page : `${page}${page.includes('?') ? '&' : '?'}hours=${hours}`
}
