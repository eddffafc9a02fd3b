/**
 * A stand-in for TensorFlow Serving, whose server no package ships: real SavedModels in the real TensorFlow, the messages and stubs of
 * `tensorflow-serving-api`, and between them a server of the tests' own (`tensorflow-serving/server.py`), written from what is published
 * about the original. It shares nothing with an adapter.
 */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sha256Hex } from '../../src/kernel/ids.ts'
import { freePorts } from '../harness/ports.ts'
import { answers, type PeerProcess, startPeer } from './peer-process.ts'
import { pythonEnvironment } from './python.ts'

const run = promisify(execFile)

export const TENSORFLOW_VERSION = '2.21.0'

const PROGRAMS = join(import.meta.dirname, 'tensorflow-serving')
const PYTHON_ENV = { PYTHONDONTWRITEBYTECODE: '1', TF_CPP_MIN_LOG_LEVEL: '2', TF_ENABLE_ONEDNN_OPTS: '0' }

export type TensorflowModel = 'half_plus_two' | 'pair' | 'text' | 'graded' | 'identity'

export interface TensorflowModelConfig {
  readonly name: string
  /** Default: the folder of that name among the tests' models. */
  readonly basePath?: string
  /** Default: the latest alone. */
  readonly versions?: readonly number[] | 'all'
  /** Where a start names any, new labels may point at versions that are not loaded (a flag of the server's); else they may not. */
  readonly labels?: Readonly<Record<string, number>>
}

export interface TensorflowServingOptions {
  /** What it starts with. Default: all of the tests' models, and of `half_plus_two` both versions with the labels stable (1) and canary (2). */
  readonly models?: readonly TensorflowModelConfig[]
  /** How long a model stays LOADING. Default 0. */
  readonly loadDelayMs?: number
}

export interface TensorflowServing {
  /** Of the REST API: `http://host:port`, without `/v1`. */
  readonly url: string
  /** `host:port` of PredictionService and ModelService. */
  readonly grpcAddress: string
  /** The tests' SavedModels, `NAME/VERSION`, a copy for this server; looked through for versions five times a second. */
  readonly models: string
  /** A Python with TensorFlow and `tensorflow-serving-api`: a client that is not ours. Runs the script with these arguments; its output. */
  python(script: string, ...args: readonly string[]): Promise<string>
  pid(): number
  output(): string
  /** It is gone, as after a crash with `SIGKILL`; the folder and the ports are kept for `restart`. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Stops it where it runs, and starts it again on the same ports with the configuration of its first start. */
  restart(): Promise<void>
  close(): Promise<void>
}

const MODELS: readonly TensorflowModelConfig[] = [
  { name: 'half_plus_two', versions: [1, 2], labels: { stable: 1, canary: 2 } },
  ...['pair', 'text', 'graded', 'identity'].map((name) => ({ name })),
]

/** The folders of its Python, of the server and of the tests' SavedModels. */
export async function installTensorflowServing(): Promise<{ environment: string; programs: string; models: string }> {
  const environment = await pythonEnvironment('tensorflow-serving', {
    // It asks for `tensorflow`, which holds the same files as `tensorflow-cpu` once more.
    alone: [`tensorflow-serving-api==${TENSORFLOW_VERSION}`],
    requirements: [`tensorflow-cpu==${TENSORFLOW_VERSION}`, 'grpcio==1.85.3'],
  })
  return { environment, programs: PROGRAMS, models: await makeModels(environment, join(environment, 'bin', 'python')) }
}

/** The first start on a machine installs it: give the hook `INSTALL_TIMEOUT_MS`. */
export async function startTensorflowServing(options: TensorflowServingOptions = {}): Promise<TensorflowServing> {
  const { environment, models: made } = await installTensorflowServing()
  const program = join(environment, 'bin', 'python')
  const folder = mkdtempSync(join(tmpdir(), 'strata-tensorflow-'))
  const models = join(folder, 'models')
  const config = join(folder, 'models.config')
  cpSync(made, models, { recursive: true })
  const configs = options.models ?? MODELS
  writeFileSync(config, configText(configs, models))
  const [grpc, rest] = (await freePorts(2)) as [number, number]
  const url = `http://127.0.0.1:${rest}`
  const start = () =>
    startPeer({
      name: 'The stand-in for TensorFlow Serving',
      command: program,
      args: [
        join(PROGRAMS, 'server.py'),
        ...['--port', String(grpc), '--rest_api_port', String(rest), '--model_config_file', config],
        ...['--file_system_poll_wait_seconds', '0.2', '--load_delay_ms', String(options.loadDelayMs ?? 0)],
        ...(configs.some(({ labels }) => labels) ? ['--allow_version_labels_for_unavailable_models'] : []),
      ],
      cwd: folder,
      env: { HOME: folder, ...PYTHON_ENV },
      // Any answer will do: it opens its ports when its first models are loaded.
      ready: () => answers(url).then(() => true),
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
    grpcAddress: `127.0.0.1:${grpc}`,
    models,
    async python(script, ...args) {
      const { stdout } = await run(program, ['-c', script, ...args], { env: { PATH: process.env.PATH, ...PYTHON_ENV }, timeout: 60_000 })
      return stdout
    },
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

/** Made once for each text of `models.py`. */
async function makeModels(environment: string, program: string): Promise<string> {
  const source = join(PROGRAMS, 'models.py')
  const made = join(environment, `models-${sha256Hex(readFileSync(source)).slice(0, 12)}`)
  if (existsSync(made)) return made
  const aside = mkdtempSync(join(environment, '.models-'))
  try {
    await run(program, [source, aside], { env: { PATH: process.env.PATH, ...PYTHON_ENV }, timeout: 120_000 })
    renameSync(aside, made)
  } catch (error) {
    rmSync(aside, { recursive: true, force: true })
    // Somebody else was faster.
    if (!existsSync(made)) throw error
  }
  return made
}

/** A ModelServerConfig as protobuf text. */
function configText(configs: readonly TensorflowModelConfig[], models: string): string {
  const entries = configs.map(({ name, basePath = join(models, name), versions, labels = {} }) => {
    const policy =
      versions === 'all' ? 'all {}' : versions ? `specific { ${versions.map((version) => `versions: ${version}`).join(' ')} }` : 'latest {}'
    const labelled = Object.entries(labels).map(([key, value]) => `version_labels { key: "${key}" value: ${value} }`)
    return `config { name: "${name}" base_path: "${basePath}" model_platform: "tensorflow" model_version_policy { ${policy} } ${labelled.join(' ')} }`
  })
  return `model_config_list { ${entries.join('\n')} }\n`
}
