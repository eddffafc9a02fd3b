/**
 * What an instance is: what its runtime is told, how it is asked, and an id that names both. The id carries a digest of whatever makes it, so
 * another config is another instance, started beside the old one and not in its place.
 */
import type { Home } from '../../kernel/home.ts'
import { sha256Hex } from '../../kernel/ids.ts'
import { basePathOf, type ImageSource } from '../../resources/image-source.ts'
import type { Resource } from '../../resources/index.ts'
import type { Task } from '../../resources/model.ts'
import { type EngineSource, RESTARTED_AT, runtimeOf, simulatedParameters } from '../../resources/model-version.ts'
import { defaultProbes, type Probes, type Warmup } from '../../resources/probes.ts'
import { cores, durationMs, type SecretReference, sizeBytes } from '../../resources/scalars.ts'
import { type EngineConfig, engineConfig } from '../engines/config.ts'
import type { Container, WantedInstance } from '../runtimes/port.ts'

/** What an instance of ours runs, as soon as that is known. */
export type Engine = EngineConfig['engine']

/** What its instances shall run now: an engine of ours, or a server that is not. */
export type Program = { readonly engine: Engine } | { readonly image: ImageSource }

export type RuntimeName = 'process' | 'docker'

/** As the port has it, with secrets as references: this is kept, and a secret is not. */
export type ContainerPlan = Omit<Container, 'env'> & { readonly env?: Readonly<Record<string, string | SecretReference>> }

/** How it is asked: as an engine of ours, or in a protocol. */
export type Speech =
  | { readonly type: 'engine' }
  | {
      readonly type: 'image'
      readonly protocol: ImageSource['protocol']
      readonly path: string
      readonly model: string
      readonly version?: string
      readonly bearer?: SecretReference
    }

export interface Instance {
  readonly id: string
  readonly namespace: string
  /** Name of the ModelVersion, and its uid: one that is made anew under an old name is another. */
  readonly version: string
  readonly uid: string
  readonly model: string
  readonly task: Task
  readonly index: number
  /** Instances of one version with the same digest answer alike. */
  readonly digest: string
  readonly runtime: RuntimeName
  readonly config: string
  readonly container?: ContainerPlan
  readonly limits?: WantedInstance['limits']
  readonly speech: Speech
  readonly probes: Probes
  readonly warmup?: Warmup
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

/** What the version's instances shall run now; undefined while that is not known or not there, and for one that lives elsewhere. */
export function programOf(version: Resource<'ModelVersion'>, weights: WeightsState | undefined): Program | undefined {
  const { engine: source, image } = version.spec.source
  if (image) return { image }
  if (!source) return undefined
  if (source.kind === 'simulated') return { engine: { kind: 'simulated', parameters: source.parameters } }
  if (weights?.phase === 'here')
    return { engine: { kind: 'llama', weightsPath: weights.path, weightsSha256: weights.sha256, parameters: source.parameters } }
  return weights?.failed !== undefined && source.whenUnavailable === 'simulate' ? { engine: standIn(version, source) } : undefined
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
/** Where an engine of ours listens in its container, and finds its weights. */
const ENGINE_PORT = 8080
const WEIGHTS_FOLDER = '/weights'

export interface Surroundings {
  readonly home: Home
  /** The platform's own image, which runs engines in containers. */
  readonly platformImage: string
}

export function instanceOf(
  version: Resource<'ModelVersion'>,
  task: Task,
  program: Program,
  index: number,
  { home, platformImage }: Surroundings,
): Instance {
  const { spec, metadata } = version
  const runtime = runtimeOf(spec)!
  const limits = limitsOf(spec.resources)
  const about = { name: metadata.name, model: spec.model, version: spec.version }
  const body =
    'engine' in program
      ? { version: about, task, engine: program.engine, prompt: spec.prompt, sampling: spec.sampling }
      : { image: program.image }
  const restarted = metadata.annotations?.[RESTARTED_AT]
  // Without times, probes and warm-up: they change no answer, so they must not change the identity. Limits are a container's for life.
  const container = runtime === 'docker' ? `\0docker\0${JSON.stringify(limits)}${'engine' in program ? platformImage : ''}` : ''
  const digest = sha256Hex(
    `${metadata.namespace}\0${metadata.uid}\0${JSON.stringify(body)}${restarted === undefined ? '' : `\0${restarted}`}${container}`,
  ).slice(0, 6)
  const stem = metadata.name.slice(0, LONGEST_STEM).replace(/-+$/, '')
  const id = `${stem}-${index}-${digest}`
  const drainTimeoutMs = durationMs(spec.drainTimeout)
  return {
    id,
    ...{
      namespace: metadata.namespace,
      version: metadata.name,
      uid: metadata.uid!,
      model: spec.model,
      task,
      index,
      digest,
      runtime,
      drainTimeoutMs,
    },
    ...(limits ? { limits } : {}),
    probes: spec.probes ?? defaultProbes(),
    ...(spec.warmup ? { warmup: spec.warmup } : {}),
    ...('engine' in program
      ? engineInstance({ id, ...about }, body as EngineBody, runtime, drainTimeoutMs, { home, platformImage })
      : imageInstance(program.image, spec.model)),
  }
}

type EngineBody = Pick<EngineConfig, 'version' | 'task' | 'engine' | 'prompt' | 'sampling'>
type Told = Pick<Instance, 'config' | 'container' | 'speech' | 'sequences' | 'maxWaiting' | 'standIn'>

function engineInstance(
  { id }: { readonly id: string },
  body: EngineBody,
  runtime: RuntimeName,
  drainTimeoutMs: number,
  { home, platformImage }: Surroundings,
): Told {
  const { engine } = body
  const { sequences, maxWaiting } = engine.parameters
  const about = {
    speech: { type: 'engine' } as const,
    ...{ sequences, maxWaiting },
    standIn: engine.kind === 'simulated' && engine.standsInFor !== undefined,
  }
  if (runtime === 'process') {
    const listen = { socketPath: home.socket(`engine-${id}`) }
    return { ...about, config: JSON.stringify(engineConfig.parse({ id, listen, ...body, drainTimeoutMs })) }
  }
  const file = engine.kind === 'llama' ? /[^/\\]+$/.exec(engine.weightsPath)![0] : undefined
  const inContainer = engine.kind === 'llama' ? { ...engine, weightsPath: `${WEIGHTS_FOLDER}/${file}` } : engine
  // Port 0: where its environment says.
  const listen = { host: '0.0.0.0', port: 0 }
  const config = JSON.stringify(engineConfig.parse({ id, listen, ...body, engine: inContainer, drainTimeoutMs }))
  const container: ContainerPlan = {
    image: platformImage,
    args: ['engine'],
    env: { STRATA_ENGINE_CONFIG: config },
    port: ENGINE_PORT,
    ...(engine.kind === 'llama' ? { volumes: [{ source: engine.weightsPath, target: `${WEIGHTS_FOLDER}/${file}`, readOnly: true }] } : {}),
  }
  return { ...about, config, container }
}

function imageInstance(image: ImageSource, model: string): Told {
  const { name, args, env, port, volumes, protocol, version, maxConcurrent, credentials } = image
  const container: ContainerPlan = {
    image: name,
    port,
    ...(args ? { args } : {}),
    ...(env ? { env } : {}),
    ...(volumes ? { volumes } : {}),
  }
  return {
    config: JSON.stringify(container),
    container,
    speech: {
      type: 'image',
      protocol,
      path: basePathOf(image),
      model: image.model ?? model,
      ...(version === undefined ? {} : { version }),
      ...(credentials ? { bearer: credentials.bearer } : {}),
    },
    sequences: maxConcurrent,
    maxWaiting: 0,
    standIn: false,
  }
}

function limitsOf(resources: Resource<'ModelVersion'>['spec']['resources']): WantedInstance['limits'] | undefined {
  const { cpu, memory, gpus } = resources ?? {}
  if (cpu === undefined && memory === undefined && gpus === undefined) return undefined
  return {
    ...(cpu === undefined ? {} : { cpu: cores(cpu) }),
    ...(memory === undefined ? {} : { memoryBytes: sizeBytes(memory) }),
    ...(gpus === undefined ? {} : { gpus }),
  }
}
