/**
 * What rollouts make of a route's targets: each takes its share of what would go to its old version, and gives it to its new one. The route's spec
 * stays what its owner wrote; applying it again changes nothing of a release. Pure.
 */
import type { Resource } from '../../resources/index.ts'
import { byAge, isRunning } from '../../resources/rollout-misfits.ts'
import type { CompiledDivision } from '../../resources/snapshot.ts'

type Rollout = Resource<'Rollout'>
interface Target {
  readonly version: string
  readonly weight: number
}

export interface Overlay {
  readonly targets: readonly Target[]
  /** "Rollout/assistant-v2", or "spec" where none has a say. */
  readonly by: string
  readonly division?: CompiledDivision
}

/**
 * @param rollouts Those on this route. The older has its say first, so that a release may start from what another one has promoted.
 */
export function overlay(targets: readonly Target[], rollouts: readonly Rollout[]): Overlay {
  let laid: Overlay = { targets, by: 'spec' }
  for (const rollout of rollouts.toSorted(byAge)) {
    const weight = rollout.status?.heldSince === undefined ? (rollout.status?.weight ?? 0) : 0
    const preview = previewOf(rollout)
    const running = weight > 0 && laid.targets.some(({ version }) => version === rollout.spec.from)
    if (!running && !preview) continue
    laid = {
      targets: running ? shifted(laid.targets, rollout, weight) : laid.targets,
      by: running ? `Rollout/${rollout.metadata.name}` : laid.by,
      ...(isRunning(rollout) ? { division: divisionOf(rollout, preview) } : {}),
    }
  }
  return laid
}

function shifted(targets: readonly Target[], { spec }: Rollout, percent: number): Target[] {
  const given = targets.find(({ version }) => version === spec.from)?.weight ?? 0
  const had = targets.find(({ version }) => version === spec.to)?.weight ?? 0
  const moved = (given * percent) / 100
  const others = targets.filter(({ version }) => version !== spec.to && version !== spec.from)
  return [...others, { version: spec.from, weight: given - moved }, { version: spec.to, weight: had + moved }].filter(
    ({ weight }) => weight > 0,
  )
}

function divisionOf({ metadata, spec, status }: Rollout, preview: CompiledDivision['preview']): CompiledDivision {
  return {
    by: `Rollout/${metadata.name}`,
    uid: metadata.uid ?? metadata.name,
    attempt: status?.attempt ?? 1,
    arms: [spec.from, spec.to],
    ...(preview ? { preview } : {}),
  }
}

/** Previews go on while a release waits, and end with it. */
function previewOf({ spec, status }: Rollout): CompiledDivision['preview'] {
  const { preview } = spec
  if (!preview || !isRunning({ status }) || (Object.keys(preview.headers).length === 0 && preview.consumers.length === 0)) return undefined
  return { to: spec.to, headers: preview.headers, consumers: preview.consumers }
}

/** How an assignment names a try of a release. */
export function divisionKey({ by, uid, attempt }: Pick<CompiledDivision, 'by' | 'uid' | 'attempt'>): string {
  return `${by}#${uid}#${attempt}`
}
