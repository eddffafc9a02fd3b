/** How far back a page looks, hours. Points are kept for a week. Pure. */
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace } from '../api/resources.ts'

export const RANGES = [
  { hours: 1, label: '1 h' },
  { hours: 6, label: '6 h' },
  { hours: 24, label: '24 h' },
  { hours: 168, label: '7 d' },
] as const

export function isRange(hours: number): boolean {
  return RANGES.some((range) => range.hours === hours)
}

export function scalingHref({ name, namespace }: Pick<Resource['metadata'], 'name' | 'namespace'>, hours = 1): string {
  const page = `/autoscaling/${name}${inNamespace(namespace)}`
  return hours === 1 ? page : `${page}${page.includes('?') ? '&' : '?'}hours=${hours}`
}
