/** TorchServe with small handlers of the tests' (`torchserve/*.py`): a temporary folder, free ports, no account-wide pid file. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePorts } from '../harness/ports.ts'
import { type PeerProcess, startPeer } from './peer-process.ts'
import { pythonEnvironment } from './python.ts'

const run = promisify(execFile)

export const TORCHSERVE_VERSION = '0.12.0'

/** One that Debian's PyTorch is made for; the wheels of PyPI bring gigabytes of CUDA. */
const PYTHON = '/usr/bin/python3'

export type TorchserveModel = 'linear' | 'echo' | 'stream' | 'slow' | 'dying'

/** In the model store: each model's 1.0 as `NAME.mar`, and `linear-2.mar`, version 2.0 of `linear`. */
export const TORCHSERVE_MODELS: readonly TorchserveModel[] = ['linear', 'echo', 'stream', 'slow', 'dying']

export interface TorchserveOptions {
  /** Loaded at the start with a worker each (a second of CPU and some 150 MB); the others wait in the store. Default: all. */
  readonly load?: readonly TorchserveModel[]
  /** Requests to inference and management need a token. Default false. */
  readonly authorization?: boolean
  /** Requests that may wait for a model. TorchServe's default is 100. */
  readonly jobQueueSize?: number
  /** Of the models that are loaded at the start. Default 120 s. */
  readonly responseTimeoutSeconds?: number
}

export interface TorchserveKeys {
  readonly inference: string
  readonly management: string
  /** Makes new ones: `GET managementUrl/token?type=inference`. */
  readonly api: string
}

export interface Torchserve {
  readonly inferenceUrl: string
  readonly managementUrl: string
  readonly metricsUrl: string
  /** `host:port`. */
  readonly grpcInferenceAddress: string
  readonly grpcManagementAddress: string
  /** From the server's `key_file.json`, new with each start; undefined without authorization. */
  keys(): TorchserveKeys | undefined
  /** Resolves when each worker of these models is ready: after a start, a death, a scaling. `/ping` says "Healthy" long before. */
  untilReady(...models: readonly TorchserveModel[]): Promise<void>
  output(): string
  /** It is gone with its workers, as after a crash with `SIGKILL`; the folder and the ports are kept for `restart`. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Stops it where it runs, and starts it again on the same ports, with the models of `load`. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** The first start on a machine installs it: give the hook `INSTALL_TIMEOUT_MS`. */
export async function startTorchserve(options: TorchserveOptions = {}): Promise<Torchserve> {
  const { load = TORCHSERVE_MODELS, authorization = false } = options
  const programs = join(await installTorchserve(), 'bin')
  const folder = mkdtempSync(join(tmpdir(), 'strata-torchserve-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const [inference, management, metrics, grpcInference, grpcManagement] = (await freePorts(5)) as [number, number, number, number, number]
  const managementUrl = `http://127.0.0.1:${management}`
  // TorchServe keeps the pid of "the" server in the temporary folder, and unpacks models there.
  const temporary = join(folder, 'tmp')
  const properties = {
    inference_address: `http://127.0.0.1:${inference}`,
    management_address: managementUrl,
    metrics_address: `http://127.0.0.1:${metrics}`,
    grpc_inference_address: '127.0.0.1',
    grpc_inference_port: grpcInference,
    grpc_management_address: '127.0.0.1',
    grpc_management_port: grpcManagement,
    enable_model_api: true,
    metrics_mode: 'prometheus',
    disable_token_authorization: !authorization,
    default_workers_per_model: 1,
    default_response_timeout: options.responseTimeoutSeconds ?? 120,
    job_queue_size: options.jobQueueSize ?? 100,
    load_models: load.map((model) => `${model}.mar`).join(','),
    vmargs: '-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1',
  }
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`)

  const keys = () => (authorization ? readKeys(join(folder, 'key_file.json')) : undefined)
  const manage = (path: string) => {
    const headers = authorization ? { authorization: `Bearer ${keys()!.management}` } : undefined
    return fetch(managementUrl + path, { headers, signal: AbortSignal.timeout(5_000) })
  }
  const areReady = async (models: readonly TorchserveModel[]) => {
    if (!(await manage('/models')).ok) return false
    for (const model of models) {
      const [described] = (await (await manage(`/models/${model}`)).json()) as { workers: { status: string }[] }[]
      if (described!.workers.length === 0 || described!.workers.some(({ status }) => status !== 'READY')) return false
    }
    return true
  }
  const start = () =>
    startPeer({
      name: `TorchServe ${TORCHSERVE_VERSION}`,
      command: join(programs, 'torchserve'),
      args: ['--foreground', '--model-store', join(folder, 'store'), '--ts-config', join(folder, 'config.properties'), '--ncs'],
      cwd: folder,
      // Workers call `python`.
      env: { HOME: folder, PATH: [programs, process.env.PATH].join(delimiter), TMPDIR: temporary, TEMP: temporary },
      ready: () => areReady(load),
      group: true,
    })
  let server: PeerProcess
  try {
    for (const part of ['tmp', 'store']) mkdirSync(join(folder, part))
    writeFileSync(join(folder, 'config.properties'), lines.join(''))
    await makeArchives(programs, join(folder, 'store'))
    server = await start()
  } catch (error) {
    remove()
    throw error
  }
  return {
    inferenceUrl: properties.inference_address,
    managementUrl,
    metricsUrl: `${properties.metrics_address}/metrics`,
    grpcInferenceAddress: `127.0.0.1:${grpcInference}`,
    grpcManagementAddress: `127.0.0.1:${grpcManagement}`,
    keys,
    async untilReady(...models) {
      const deadline = performance.now() + 60_000
      while (!(await areReady(models).catch(() => false))) {
        if (performance.now() > deadline) throw new Error(`The workers of ${models} are not ready after a minute: ${server.output()}`)
        await sleep(100)
      }
    },
    output: () => server.output(),
    stop: (signal) => server.stop(signal),
    async restart() {
      await server.stop()
      server = await start()
    },
    async close() {
      await server.stop()
      remove()
    },
  }
}

/** The folder of TorchServe's Python, its programs in `bin`. */
export async function installTorchserve(): Promise<string> {
  const missing = [
    ...((await works('java', ['-version'])) ? [] : ['openjdk-17-jre-headless']),
    ...((await works(PYTHON, ['-c', 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)']))
      ? []
      : ['python3-torch']),
  ]
  if (missing.length > 0)
    throw new Error(
      `TorchServe needs Java and ${PYTHON} with PyTorch. Install them (Debian: \`apt-get install --no-install-recommends ${missing.join(' ')}\`).`,
    )
  return pythonEnvironment('torchserve', {
    python: PYTHON,
    systemSitePackages: true,
    alone: [`torchserve==${TORCHSERVE_VERSION}`, `torch-model-archiver==${TORCHSERVE_VERSION}`],
    requirements: ['packaging==26.4', 'psutil==7.2.2', 'pyyaml==6.0.4', 'wheel==0.48.0', 'enum-compat==0.0.3'],
  })
}

/** The tests' models, in the folder `store`. */
export async function makeArchives(programs: string, store: string): Promise<void> {
  const archive = async (model: string, version: string) => {
    const handler = join(import.meta.dirname, 'torchserve', `${model}.py`)
    await run(join(programs, 'torch-model-archiver'), [
      ...['--model-name', model, '--version', version],
      ...['--handler', handler, '--export-path', store],
    ])
  }
  await archive('linear', '2.0')
  renameSync(join(store, 'linear.mar'), join(store, 'linear-2.mar'))
  await Promise.all(TORCHSERVE_MODELS.map((model) => archive(model, '1.0')))
}

function readKeys(file: string): TorchserveKeys {
  const { inference, management, API } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { key: string }>
  return { inference: inference!.key, management: management!.key, api: API!.key }
}

const works = (command: string, args: readonly string[]) =>
  run(command, args).then(
    () => true,
    () => false,
  )
