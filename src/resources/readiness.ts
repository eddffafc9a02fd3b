/** Whether a version can answer, as its status says. Pure. */
import type { Resource } from './index.ts'

type Version = Resource<'ModelVersion'>

/** All of it, or what starts as soon as somebody asks. */
export function isReady(version: Version): boolean {
  return version.status?.conditions.find(({ type }) => type === 'Ready')?.status === 'True' || startsWhenAsked(version)
}

/** Some of it. */
export function answers(version: Version | undefined): boolean {
  return version !== undefined && (isReady(version) || (version.status?.instances?.ready ?? 0) > 0)
}

/** Scaled to zero because nobody asked. */
function startsWhenAsked({ spec, status }: Version): boolean {
  return spec.scaling.policy !== undefined && spec.scaling.min === 0 && status?.state === 'Stopped'
}
