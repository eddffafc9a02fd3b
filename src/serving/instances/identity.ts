/**
 * What an instance is: the config its engine reads, and an id that names both. The id carries a digest of the config, so another config is
 * another instance, started beside the old one and not in its place.
 */
import type { Home } from '../../kernel/home.ts'
import { sha256Hex } from '../../kernel/ids.ts'
import type { Resource } from '../../resources/index.ts'
import type { Task } from '../../resources/model.ts'
import { type EngineSource, RESTARTED_AT, simulatedParameters } from '../../resources/model-version.ts'
import { durationMs } from '../../resources/scalars.ts'
import { type EngineConfig, engineConfig } from '../engines/config.ts'

/** What an instance runs, as soon as that is known. */
export type Engine = EngineConfig['engine']

export interface Instance {
  readonly id: string
  readonly namespace: string
  /** Name of the ModelVersion. */
  readonly version: string
  readonly index: number
  /** Instances of one version with the same digest answer alike. */
  readonly digest: string
  readonly socketPath: string
  readonly config: string
  readonly drainTimeoutMs: number
  readonly sequences: number
  readonly maxWaiting: number
  /** The simulated engine stands in for weights that are missing. */
  readonly standIn: boolean
}

export type WeightsState =
  | {
      readonly phase: 'fetching'
      readonly from?: string
      readonly receivedBytes?: number
      readonly totalBytes?: number
      readonly failed?: string
    }
  | { readonly phase: 'here'; readonly path: string; readonly sha256: string; readonly bytes: number; readonly from: string }
  | { readonly phase: 'missing'; readonly failed: string; readonly retryAt: number }

/** What the version's instances shall run now; undefined while that is not known or not there. */
export function engineOf(version: Resource<'ModelVersion'>, weights: WeightsState | undefined): Engine | undefined {
  const source = version.spec.source.engine
  if (!source) return undefined
  if (source.kind === 'simulated') return { kind: 'simulated', parameters: source.parameters }
  if (weights?.phase === 'here')
    return { kind: 'llama', weightsPath: weights.path, weightsSha256: weights.sha256, parameters: source.parameters }
  return weights?.failed !== undefined && source.whenUnavailable === 'simulate' ? standIn(version, source) : undefined
}

/** The text must not change from one failed attempt to the next: it is part of the instance's identity. */
function standIn(version: Resource<'ModelVersion'>, { parameters }: Extract<EngineSource, { kind: 'llama' }>): Engine {
  const { contextSize, sequences, maxWaiting } = parameters
  return {
    kind: 'simulated',
    parameters: simulatedParameters.parse({ contextSize, sequences, maxWaiting }),
    standsInFor: `the weights of ${version.metadata.name} are missing`,
  }
}

/** Instance names stay below what a process, a file and a socket may be called; the digest keeps them apart. */
const LONGEST_STEM = 40

export function instanceOf(version: Resource<'ModelVersion'>, task: Task, engine: Engine, index: number, home: Home): Instance {
  const { spec, metadata } = version
  const drainTimeoutMs = durationMs(spec.drainTimeout)
  const body = {
    version: { name: metadata.name, model: spec.model, version: spec.version },
    task,
    engine,
    prompt: spec.prompt,
    sampling: spec.sampling,
  }
  // Without the drain time-out: it changes no answer, so it must not change the identity.
  const restarted = metadata.annotations?.[RESTARTED_AT]
  const digest = sha256Hex(
    `${metadata.namespace}\0${metadata.uid}\0${JSON.stringify(body)}${restarted === undefined ? '' : `\0${restarted}`}`,
  ).slice(0, 6)
  const stem = metadata.name.slice(0, LONGEST_STEM).replace(/-+$/, '')
  const id = `${stem}-${index}-${digest}`
  const socketPath = home.socket(`engine-${id}`)
  const config = engineConfig.parse({ id, listen: { socketPath }, ...body, drainTimeoutMs })
  const { sequences, maxWaiting } = engine.parameters
  return {
    id,
    namespace: metadata.namespace,
    version: metadata.name,
    index,
    digest,
    socketPath,
    config: JSON.stringify(config),
    drainTimeoutMs,
    sequences,
    maxWaiting,
    standIn: engine.kind === 'simulated' && engine.standsInFor !== undefined,
  }
}
