/** MLServer, the Open Inference Protocol's own server, with small models of the tests': a temporary folder, free ports. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../harness/ports.ts'
import { answers, type PeerProcess, startPeer } from './peer-process.ts'
import { pythonEnvironment } from './python.ts'

export const MLSERVER_VERSION = '1.7.1'

export interface MlserverTensor {
  readonly name: string
  readonly datatype: string
  /** -1: any length. */
  readonly shape: readonly number[]
}

export interface MlserverModel {
  readonly name: string
  /** A class of `mlserver/runtimes.py`. */
  readonly runtime: 'Linear' | 'Upper' | 'Raising' | 'Slow'
  readonly version?: string
  /** For the metadata; MLServer does not hold requests against it. */
  readonly inputs?: readonly MlserverTensor[]
  readonly outputs?: readonly MlserverTensor[]
  /** Of `Slow`. Default 1000. */
  readonly delayMs?: number
}

/** `linear` (FP32, y = 2x + 1, version v1), `upper` (BYTES), `raising`, `slow` (1 s). */
export const MLSERVER_MODELS: readonly MlserverModel[] = [
  {
    name: 'linear',
    runtime: 'Linear',
    version: 'v1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  },
  {
    name: 'upper',
    runtime: 'Upper',
    inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
    outputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
  },
  { name: 'raising', runtime: 'Raising' },
  { name: 'slow', runtime: 'Slow' },
]

export interface Mlserver {
  readonly url: string
  /** `url` with `/v2`. */
  readonly restUrl: string
  /** `host:port` of `inference.GRPCInferenceService`. */
  readonly grpcAddress: string
  readonly metricsUrl: string
  pid(): number
  output(): string
  /** It is gone, as after a crash with `SIGKILL`; the folder and the ports are kept for `restart`. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Stops it where it runs, and starts it again on the same ports. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** The folder of its Python, its programs in `bin`. */
export const installMlserver = () => pythonEnvironment('mlserver', { requirements: [`mlserver==${MLSERVER_VERSION}`] })

/** A folder for each model, below `folder`. */
export function writeMlserverModels(folder: string, models: readonly MlserverModel[]): void {
  for (const model of models) {
    const place = join(folder, `${model.name}-${model.version ?? 'none'}`)
    mkdirSync(place)
    writeFileSync(join(place, 'model-settings.json'), JSON.stringify(settingsOf(model)))
  }
}

/** The first start on a machine installs it: give the hook `INSTALL_TIMEOUT_MS`. */
export async function startMlserver(models: readonly MlserverModel[] = MLSERVER_MODELS): Promise<Mlserver> {
  const environment = await installMlserver()
  const folder = mkdtempSync(join(tmpdir(), 'strata-mlserver-'))
  const [http, grpc, metrics] = (await freePorts(3)) as [number, number, number]
  const settings = { host: '127.0.0.1', http_port: http, grpc_port: grpc, metrics_port: metrics, parallel_workers: 0 }
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
  writeMlserverModels(folder, models)
  const url = `http://127.0.0.1:${http}`
  const start = () =>
    startPeer({
      name: `MLServer ${MLSERVER_VERSION}`,
      command: join(environment, 'bin', 'mlserver'),
      args: ['start', folder],
      cwd: folder,
      env: { HOME: folder, PYTHONPATH: join(import.meta.dirname, 'mlserver'), PYTHONDONTWRITEBYTECODE: '1' },
      ready: () => answers(`${url}/v2/health/ready`),
    })
  let server: PeerProcess
  try {
    server = await start()
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return {
    url,
    restUrl: `${url}/v2`,
    grpcAddress: `127.0.0.1:${grpc}`,
    metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
    pid: () => server.pid,
    output: () => server.output(),
    stop: (signal) => server.stop(signal),
    async restart() {
      await server.stop()
      server = await start()
    },
    async close() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function settingsOf({ name, runtime, version, inputs, outputs, delayMs = 1_000 }: MlserverModel) {
  const parameters = { version, extra: runtime === 'Slow' ? { delay_ms: delayMs } : {} }
  return { name, implementation: `runtimes.${runtime}`, platform: 'strata-test', inputs, outputs, parameters }
}
