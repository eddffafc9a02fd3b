/** What a version's status says, from its weights and its instances. Pure. */
import { condition } from '../../resources/conditions.ts'
import type { Resource, Status } from '../../resources/index.ts'
import type { Signature } from '../../resources/model-version.ts'
import { programOf, type WeightsState } from './identity.ts'
import type { InstanceState } from './lifecycle.ts'

export interface InstanceView {
  readonly id: string
  readonly state: InstanceState
  /** What it is doing, or what is wrong with it. */
  readonly message?: string
  readonly standIn: boolean
  /** Another one shall take its place. */
  readonly old?: boolean
}

/** What an instance has said of its model. */
export interface Described {
  readonly signature?: Signature
  readonly extensions?: readonly string[]
  /** Why no instance can be made of it. */
  readonly trouble?: string
}

/** How many are wanted, and what a policy says of it. */
export interface Scaled {
  readonly wanted: number
  readonly scaling?: VersionStatus['scaling']
}

type VersionStatus = Status<'ModelVersion'>
type State = NonNullable<VersionStatus['state']>

export function versionStatus(
  version: Resource<'ModelVersion'>,
  weights: WeightsState | undefined,
  instances: readonly InstanceView[],
  now: number,
  described?: Described,
  { wanted, scaling }: Scaled = { wanted: version.spec.scaling.min },
): VersionStatus {
  const ready = instances.filter(isReady).length
  const simulated = instances.some((each) => isReady(each) && each.standIn)
  const { state, message } = describe(version, wanted, ready, simulated, weights, instances, described?.trouble)
  const answers = ready > 0
  const before = version.status?.conditions ?? []
  const real = instances.some((each) => isReady(each) && !each.standIn && !each.old)
  const established = before.some(({ type }) => type === 'Established') || real
  const conditions = [
    condition(before, 'Ready', answers ? 'True' : 'False', state, message ?? '', now),
    ...(established
      ? [condition(before, 'Established', 'True', 'WasReady', 'It has answered; what makes its answers cannot change any more.', now)]
      : []),
  ]
  const signature = described?.signature ?? version.status?.signature
  const extensions = described?.extensions ?? version.status?.extensions
  return {
    observedGeneration: version.metadata.generation,
    conditions,
    state,
    ...(message === undefined ? {} : { message }),
    ...(simulated ? { simulated } : {}),
    ...(signature ? { signature } : {}),
    ...(extensions?.length ? { extensions: [...extensions] } : {}),
    ...(weights ? { weights: weightsView(weights, version.status?.weights) } : {}),
    instances: { wanted, ready: Math.min(ready, wanted) },
    ...(scaling ? { scaling } : {}),
  }
}

const NOBODY_ASKS = 'Nobody asks; the first request starts one.'
const isReady = ({ state }: InstanceView) => state === 'ready'

function describe(
  version: Resource<'ModelVersion'>,
  wanted: number,
  ready: number,
  simulated: boolean,
  weights: WeightsState | undefined,
  instances: readonly InstanceView[],
  unmade: string | undefined,
): { state: State; message?: string } {
  const { policy, min } = version.spec.scaling
  if (unmade !== undefined) return { state: ready > 0 ? 'Degraded' : 'Failed', message: `It cannot be run: ${unmade}` }
  if (wanted === 0) return { state: 'Stopped', message: policy ? NOBODY_ASKS : 'scaling.min is 0.' }
  const missing = weights && weights.phase !== 'here' ? weights.failed : undefined
  if (simulated) return { state: 'Degraded', message: `The SIMULATED engine answers. ${missing ?? 'The real one is starting.'}` }
  const failing =
    instances.find(({ state }) => state === 'failed') ?? instances.find((each) => !isReady(each) && each.message !== undefined)
  const trouble = failing && `${failing.id}: ${failing.message ?? 'it does not run'}`
  const told = trouble === undefined ? {} : { message: trouble }
  // What was before answers while that which shall take its place does not.
  const replaced = instances.some((each) => each.old && isReady(each)) && trouble !== undefined
  if (ready >= wanted) return { state: 'Ready', ...(replaced ? { message: `What ran before still answers; ${trouble}` } : {}) }
  // What a policy adds is on its way, and nothing is wrong with what is there.
  if (policy && ready >= Math.max(1, min) && trouble === undefined)
    return { state: 'Ready', message: `${ready} of ${wanted} instances are ready.` }
  if (ready > 0) return { state: 'Degraded', message: trouble ?? `${ready} of ${wanted} instances are ready.` }
  // One that stands in for it is made in the next round: that nothing runs now is no failure.
  if (weights?.phase === 'missing' && instances.length === 0)
    return { state: programOf(version, weights) ? 'Pending' : 'Failed', message: missing }
  if (weights?.phase === 'fetching' && instances.length === 0)
    return { state: 'Fetching', ...(missing === undefined ? {} : { message: missing }) }
  if (failing?.state === 'failed') return { state: 'Failed', ...told }
  // What waits for room or for its runtime does not come by itself.
  if (instances.every(({ state }) => state === 'pending')) return { state: trouble === undefined ? 'Pending' : 'Failed', ...told }
  if (instances.some(({ state }) => state === 'pulling')) return { state: 'Fetching', ...told }
  return { state: 'Starting', ...told }
}

function weightsView(weights: WeightsState, before: VersionStatus['weights']): VersionStatus['weights'] {
  switch (weights.phase) {
    case 'here':
      return { sha256: weights.sha256, from: weights.from, bytes: weights.bytes }
    case 'fetching':
      return {
        ...(before?.sha256 === undefined ? {} : { sha256: before.sha256 }),
        ...(weights.from === undefined ? {} : { from: weights.from }),
        ...(weights.totalBytes === undefined ? {} : { bytes: weights.totalBytes }),
        ...(weights.receivedBytes === undefined ? {} : { receivedBytes: weights.receivedBytes }),
      }
    case 'missing':
      return before?.sha256 === undefined ? {} : { sha256: before.sha256 }
    default:
      return weights satisfies never
  }
}

/** The figures of a reason change all the time: with everything else as it was, the one that stands there stays for a while. */
export function steadied(now: VersionStatus['scaling'], before: VersionStatus['scaling'], isRecent: boolean): VersionStatus['scaling'] {
  if (!now || !before || !isRecent) return now
  return now.wanted === before.wanted && now.since === before.since && now.startupMs === before.startupMs ? before : now
}

/** Is a new status different from the stored one in nothing but how far a download is? */
export function isOnlyProgress(version: Resource<'ModelVersion'>, status: VersionStatus): boolean {
  const before = version.status
  if (before?.state !== 'Fetching' || status.state !== 'Fetching') return false
  return before.observedGeneration === status.observedGeneration && before.weights?.from === status.weights?.from
}
