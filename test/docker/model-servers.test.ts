/**
 * Model servers as images: the real MLServer, the real TorchServe and the stand-in for TensorFlow Serving, each in containers of a real Docker, behind one
 * gateway. No registry can be reached, so the image is empty and the programs of this machine come in by volumes.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SystemStatus, VersionStatus } from '../../src/control/status.ts'
import { HEADER_LENGTH_HEADER, writeBinary } from '../../src/wire/oip/binary.ts'
import { type System, startSystem } from '../harness/system.ts'
import { type DockerDaemon, startDockerd } from '../peers/dockerd.ts'
import { installMlserver, MLSERVER_MODELS, writeMlserverModels } from '../peers/mlserver.ts'
import { INSTALL_TIMEOUT_MS } from '../peers/python.ts'
import { installTensorflowServing } from '../peers/tensorflow-serving.ts'
import { installTorchserve, makeArchives } from '../peers/torchserve.ts'
import { emptyImage, machineFolders, mounted, pythonFolders } from './model-images.ts'

let daemon: DockerDaemon
let system: System
let folder: string
/** What stands under `source.image`, but for the model. */
let images: Readonly<Record<'mlserver' | 'torchserve' | 'torchserveOnOnePort' | 'tensorflow', object>>

beforeAll(async () => {
  const [mlserver, torchserve, tensorflow] = [await installMlserver(), await installTorchserve(), await installTensorflowServing()]
  daemon = await startDockerd()
  folder = mkdtempSync(join(tmpdir(), 'strata-model-servers-'))
  images = {
    mlserver: await mlserverImage(mlserver),
    torchserve: await torchserveImage(torchserve, 'stream', 8081),
    torchserveOnOnePort: await torchserveImage(torchserve, 'linear', 8080),
    tensorflow: await tensorflowImage(tensorflow),
  }
  await makeArchives(join(torchserve, 'bin'), join(folder, 'store'))
  const env = { DOCKER_HOST: `unix://${daemon.socketPath}`, STRATA_DOCKER_NETWORK: daemon.network }
  system = await startSystem({ bootstrap: MODEL, env })
  await Promise.all([
    apply('numbers', { ...images.mlserver, model: 'linear', version: 'v1' }),
    apply('words', { ...images.mlserver, model: 'uper' }),
    apply('linear', { ...images.torchserveOnOnePort, model: 'linear' }, { readiness: { period: '200ms', failures: 1 } }),
    apply('stream', { ...images.torchserve, model: 'steam' }),
    apply('half', { ...images.tensorflow, model: 'half_plus_two', version: '1' }),
    apply('pair', { ...images.tensorflow, model: 'pear' }),
  ])
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await system?.stop()
  await daemon?.stop()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const MODEL = `
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: tensors }
spec: { task: tensor }
`

/** Programs of a Python environment, as a shell finds them. */
async function pythonImage(environment: string, env: Record<string, string>) {
  const path = [join(environment, 'bin'), '/usr/bin', '/bin'].join(':')
  return {
    name: await emptyImage(daemon),
    env: { PATH: path, PYTHONDONTWRITEBYTECODE: '1', ...env },
    volumes: [...machineFolders(), ...pythonFolders(environment)],
  }
}

async function mlserverImage(environment: string) {
  const models = join(folder, 'mlserver')
  mkdirSync(models)
  writeMlserverModels(models, MLSERVER_MODELS)
  const { volumes, ...image } = await pythonImage(environment, {
    MLSERVER_HTTP_PORT: '$(PORT)',
    MLSERVER_PARALLEL_WORKERS: '0',
    PYTHONPATH: '/runtimes',
  })
  const runtimes = join(import.meta.dirname, '..', 'peers', 'mlserver')
  return {
    ...{ ...image, protocol: 'oip', port: 8080, args: ['mlserver', 'start', '/models'] },
    volumes: [...volumes, mounted(models, '/models'), mounted(runtimes, '/runtimes')],
  }
}

/** `managementPort`: another one than 8080, and nobody can reach it. */
async function torchserveImage(environment: string, model: 'linear' | 'stream', managementPort: number) {
  const store = join(folder, 'store')
  mkdirSync(store, { recursive: true })
  const lines = [
    'inference_address=http://0.0.0.0:8080',
    `management_address=http://0.0.0.0:${managementPort}`,
    'default_workers_per_model=1',
    'vmargs=-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1',
  ]
  const config = join(folder, `${model}.properties`)
  writeFileSync(config, lines.map((line) => `${line}\n`).join(''))
  const { volumes, ...image } = await pythonImage(environment, { TEMP: '/tmp', TS_CONFIG_FILE: '/config.properties' })
  return {
    ...{ ...image, protocol: 'torchserve', port: 8080 },
    args: ['torchserve', '--foreground', '--ncs', '--disable-token-auth', '--model-store', '/store', '--models', `${model}=${model}.mar`],
    volumes: [...volumes, mounted(store, '/store'), mounted(config, '/config.properties')],
  }
}

async function tensorflowImage({ environment, programs, models }: Awaited<ReturnType<typeof installTensorflowServing>>) {
  const configs = ['half_plus_two', 'pair'].map(
    (name) => `config { name: "${name}" base_path: "/models/${name}" model_platform: "tensorflow" model_version_policy { all {} } }`,
  )
  writeFileSync(join(folder, 'models.config'), `model_config_list { ${configs.join(' ')} }\n`)
  const { volumes, ...image } = await pythonImage(environment, { TF_ENABLE_ONEDNN_OPTS: '0' })
  const flags = ['--host', '0.0.0.0', '--port', '8500', '--rest_api_port', '$(PORT)', '--model_config_file', '/models.config']
  return {
    ...{ ...image, protocol: 'tensorflow-serving', port: 8501, args: ['python', '/server/server.py', ...flags] },
    volumes: [
      ...volumes,
      mounted(programs, '/server'),
      mounted(models, '/models'),
      mounted(join(folder, 'models.config'), '/models.config'),
    ],
  }
}

function apply(name: string, image: object, probes: object = {}) {
  const head = { apiVersion: 'strata.dev/v1alpha1', metadata: { name } }
  const retries = { attempts: 1, on: ['connect', 'unavailable'] }
  return system.control('POST', '/apply', {
    documents: [
      { ...head, kind: 'ModelVersion', spec: { model: 'tensors', version: name, source: { image }, probes } },
      { ...head, kind: 'Route', spec: { models: [name], targets: [{ version: name, weight: 100 }], retries } },
    ],
  })
}

async function comes(name: string, is: (seen: VersionStatus) => boolean, timeoutMs = 30_000): Promise<VersionStatus> {
  for (const end = performance.now() + timeoutMs; ; await sleep(100)) {
    const seen = (await system.control<SystemStatus>('GET', '/status')).versions.find((each) => each.name === name)
    if (seen && is(seen)) return seen
    if (performance.now() > end) {
      const said = await Promise.all((seen?.instances.list ?? []).map(async ({ id }) => (await logsOf(id)).slice(-100).join('\n')))
      throw new Error(`${name} does not come to that within ${timeoutMs / 1000} s: ${JSON.stringify(seen)}\n${said.join('\n')}`)
    }
  }
}
const ready = (name: string, timeoutMs?: number) =>
  comes(name, ({ state, instances }) => state === 'Ready' && instances.ready === 1, timeoutMs)
const back = (name: string) => comes(name, ({ instances }) => instances.ready === 1 && instances.list.some(({ restarts }) => restarts > 0))
const logsOf = async (id: string) => (await system.control<{ lines: string[] }>('GET', `/instances/${id}/logs?lines=1000`)).lines

async function containerOf(name: string): Promise<string> {
  const all = (await daemon.ask('GET', '/containers/json')) as { Id: string; Labels: Record<string, string> }[]
  return all.find(({ Labels }) => Labels['dev.strata.instance']?.startsWith(`${name}-`))!.Id
}
/** A process of its container whose command line has these words. */
async function pidOf(name: string, words: string): Promise<number> {
  const { Processes } = (await daemon.ask('GET', `/containers/${await containerOf(name)}/top?ps_args=-eo%20pid,args`)) as {
    Processes: string[][]
  }
  return Number(Processes.find((row) => row.at(-1)!.includes(words))![0])
}

const JSON_TYPE = { 'content-type': 'application/json' }
const call = (path: string, headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) =>
  fetch(system.gatewayUrl + path, { method: 'POST', headers: { authorization: `Bearer ${system.apiKey}`, ...headers }, body })
async function answer(path: string, body: object): Promise<unknown> {
  const response = await call(path, JSON_TYPE, JSON.stringify(body))
  const text = await response.text()
  if (response.status !== 200) throw new Error(`HTTP ${response.status} to POST ${path}: ${text}`)
  return JSON.parse(text)
}
const fp32 = (name: string, data: number[]) => ({ name, datatype: 'FP32', shape: [1, data.length], data })

test('each is ready by the question of its protocol; a model that it has not is told in words, and one that it has is served instead', {
  timeout: 120_000,
}, async () => {
  const told = async (name: string, words: RegExp) =>
    expect((await comes(name, ({ message = '' }) => words.test(message), 60_000)).state).not.toBe('Ready')
  await told('words', /it has no model "uper"; it has .*upper/)
  await told('stream', /"steam" is not loaded there \(Model not found: steam\)/)
  await told('pair', /it has no model "pear"$/)
  await apply('words', { ...images.mlserver, model: 'upper' })
  await apply('stream', { ...images.torchserve, model: 'stream' })
  await apply('pair', { ...images.tensorflow, model: 'pair' })
  for (const name of ['numbers', 'linear', 'half', 'words', 'stream', 'pair']) await ready(name, 60_000)
})

describe('MLServer', () => {
  test('numbers and bytes, in JSON and in binary, and rows of TensorFlow Serving by the signature that it has told', async () => {
    const inputs = [fp32('x', [1, 2.5])]
    expect(await answer('/v2/models/numbers/infer', { id: 'q', inputs })).toMatchObject({
      ...{ id: 'q', model_name: 'numbers', model_version: 'numbers' },
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [3, 6] }],
    })
    const text = { name: 'text', datatype: 'BYTES' as const, shape: [2], data: ['né', 'ab'] }
    expect(await answer('/v2/models/words/infer', { inputs: [text] })).toMatchObject({
      outputs: [{ datatype: 'BYTES', data: ['NÉ', 'AB'] }],
    })
    const { body, headerLength } = writeBinary({ parameters: { binary_data_output: true } }, 'inputs', [text])
    const binary = await call('/v2/models/words/infer', { [HEADER_LENGTH_HEADER]: String(headerLength) }, new Uint8Array(body))
    expect(await binary.json()).toMatchObject({ outputs: [{ data: ['NÉ', 'AB'] }] })
    expect(await answer('/v1/models/numbers:predict', { instances: [[1, 2.5], [0, 0]] })).toEqual({ predictions: [[3, 6], [1, 1]] }) // biome-ignore format: rows
  })

  test('killed from outside, it is back', async () => {
    await daemon.ask('POST', `/containers/${await containerOf('numbers')}/kill`)
    const { instances } = await back('numbers')
    expect(await answer('/v2/models/numbers/infer', { inputs: [fp32('x', [1])] })).toMatchObject({ outputs: [{ data: [3] }] })
    expect((await logsOf(instances.list[0]!.id)).join('\n')).toMatch(/Uvicorn running on http:\/\/0\.0\.0\.0:8080/)
  })
})

describe('TorchServe', () => {
  test('a prediction, and one in pieces', async () => {
    expect(await answer('/predictions/linear', { x: [1, 2.5] })).toEqual({ y: [3, 6] })
    const pieces = await call('/predictions/stream', JSON_TYPE, JSON.stringify({ pieces: ['one ', 'two ', 'three'], delay_ms: 300 }))
    const times: number[] = []
    let text = ''
    for await (const piece of pieces.body!.pipeThrough(new TextDecoderStream())) {
      times.push(performance.now())
      text += piece
    }
    expect(text).toBe('one two three')
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(400)
  })

  test('its worker dies: where its management is seen it is not ready meanwhile, elsewhere requests wait for the next worker', async () => {
    process.kill(await pidOf('linear', 'model_service_worker'), 'SIGKILL')
    const words = 'it is loading "linear" (0 of 1 workers are ready)'
    await comes('linear', ({ instances }) =>
      instances.list[0]!.changes.some(({ state, message }) => state === 'loading' && message === words),
    )
    expect((await ready('linear')).instances.list[0]).toMatchObject({ restarts: 0 })
    // Killed by SIGKILL it counts as out of memory (507), after which no request is tried again.
    process.kill(await pidOf('stream', 'model_service_worker'), 'SIGSEGV')
    expect(await (await call('/predictions/stream', JSON_TYPE, '{"pieces": ["one"], "delay_ms": 0}')).text()).toBe('one')
    expect((await ready('stream')).instances.list[0]).toMatchObject({ restarts: 0 })
  })

  test('the server itself is killed: it is back', async () => {
    process.kill(await pidOf('linear', 'org.pytorch.serve.ModelServer'), 'SIGKILL')
    const { instances } = await back('linear')
    expect(await answer('/predictions/linear', { x: [0] })).toEqual({ y: [1] })
    expect((await logsOf(instances.list[0]!.id)).join('\n')).toContain('Torch worker started.')
  })
})

describe('TensorFlow Serving', () => {
  test('rows, columns, and an inference request by the signature that it has told', async () => {
    expect(await answer('/v1/models/half:predict', { instances: [1, 2] })).toEqual({ predictions: [2.5, 3] })
    const columns = { inputs: { a: [[1, 2]], b: [3] } }
    expect(await answer('/v1/models/pair:predict', columns)).toEqual({ outputs: { scaled: [[3, 6]], count: [4] } })
    const { status } = await system.control<{ status: object }>('GET', '/modelversions/half')
    expect(status).toMatchObject({ signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }] } })
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }]
    expect(await answer('/v2/models/half/infer', { inputs })).toMatchObject({ outputs: [{ name: 'y', datatype: 'FP32', data: [2.5, 3] }] })
  })

  test('killed, it is back', async () => {
    process.kill(await pidOf('half', '/server/server.py'), 'SIGKILL')
    const { instances } = await back('half')
    expect(await answer('/v1/models/half:predict', { instances: [4] })).toEqual({ predictions: [4] })
    expect(await logsOf(instances.list[0]!.id)).toContainEqual(expect.stringContaining('This TensorFlow binary'))
  })
})
