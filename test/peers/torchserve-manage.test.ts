/** TorchServe managed: Strata registers, scales and unregisters in a real one with its tokens on, and sees to the default version. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { backendSpec } from '../../src/serving/backends/backend.contract.ts'
import { connectBackend, type UsedModel, type WantedModel } from '../../src/serving/backends/index.ts'
import { type System, startSystem } from '../harness/system.ts'
import { INSTALL_TIMEOUT_MS } from './python.ts'
import { startTorchserve, type Torchserve } from './torchserve.ts'

let server: Torchserve
let system: System
let secrets: string
let spec: { protocol: string; address: string; credentials: object; management: object }

beforeAll(async () => {
  server = await startTorchserve({ load: [], authorization: true })
  secrets = mkdtempSync(join(tmpdir(), 'strata-keys-'))
  const bearer = (type: 'inference' | 'management') => {
    writeFileSync(join(secrets, type), server.keys()![type])
    return { bearer: { file: join(secrets, type) } }
  }
  spec = {
    protocol: 'torchserve',
    address: server.inferenceUrl,
    credentials: bearer('inference'),
    management: { address: server.managementUrl, credentials: bearer('management') },
  }
  system = await startSystem()
  const models = ['echo', 'linear'].map((name) => ({ apiVersion, kind: 'Model', metadata: { name }, spec: { task: 'tensor' } }))
  const managed = { ...spec, manage: true, health: { period: '300ms' } }
  await apply(...models, { apiVersion, kind: 'Backend', metadata: { name: 'torch' }, spec: managed })
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await system?.stop()
  await server?.close()
  rmSync(secrets, { recursive: true, force: true })
})

const apiVersion = 'strata.dev/v1alpha1'
const apply = (...documents: unknown[]) => system.control('POST', '/apply', { documents })
const version = (model: string, name: string, source: object, scaling: object = { min: 1 }) => ({
  apiVersion,
  kind: 'ModelVersion',
  metadata: { name: `${model}-${name}` },
  spec: { model, version: name, source: { backend: { name: 'torch', ...source } }, scaling },
})

/** The adapter alone. */
const manage = (wanted: WantedModel[], dismissed: UsedModel[]) =>
  connectBackend(backendSpec(spec)).manage!(wanted, dismissed, new AbortController().signal)

const ask = (path: string, method = 'GET') =>
  fetch(server.managementUrl + path, { method, headers: { authorization: `Bearer ${server.keys()!.management}` } })
const described = async (path: string) => {
  const answer = await ask(path)
  return answer.status === 200 ? ((await answer.json()) as { modelVersion: string; minWorkers: number }[]) : []
}

test('what a version names is registered, scaled with it, and unregistered when no version names it any more', async () => {
  const workers = async () => (await described('/models/echo')).map(({ minWorkers }) => minWorkers)
  expect(await workers()).toEqual([])
  const v2 = (min: number) => version('echo', 'v2', { model: 'echo', from: 'echo.mar' }, { min })
  await apply(v2(1))
  const state = async () => (await system.control<{ status?: { state?: string } }>('GET', '/modelversions/echo-v2')).status?.state
  await vi.waitFor(async () => expect([await workers(), await state()]).toEqual([[1], 'Ready']), 30_000)
  await apply(v2(2))
  await vi.waitFor(async () => expect(await workers()).toEqual([2]), 20_000)
  await system.control('DELETE', '/modelversions/echo-v2')
  await vi.waitFor(async () => expect(await workers()).toEqual([]), 20_000)
}, 90_000)

const pair = (of: string, from: string): WantedModel => ({ model: 'pair', version: of, from, workers: { min: 1, max: 1 } })
const [one, two] = [pair('1.0', 'linear.mar'), pair('2.0', 'linear-2.mar')]
const versions = async () => (await described('/models/pair/all')).map(({ modelVersion }) => modelVersion).sort()
/** 1.0 says 3, 2.0 says 4. */
const predict = async (path: string) => {
  const headers = { authorization: `Bearer ${server.keys()!.inference}`, 'content-type': 'application/json' }
  const answer = await fetch(`${server.inferenceUrl}/predictions/${path}`, { method: 'POST', headers, body: '{"x": [1]}' })
  return answer.status === 200 ? ((await answer.json()) as { y: number[] }).y[0] : answer.status
}

test('the version that is the default there is deleted: the other is made the default', async () => {
  const [v3, v4] = [one, two].map(({ workers: _, ...source }, at) => version('linear', `v${at + 3}`, source))
  await apply(v3)
  await vi.waitFor(async () => expect([await versions(), await predict('pair')]).toEqual([['1.0'], 3]), 20_000)
  await apply(v4)
  await vi.waitFor(async () => expect([await predict('pair'), await predict('pair/2.0')]).toEqual([3, 4]), 20_000)
  await system.control('DELETE', '/modelversions/linear-v3')
  await vi.waitFor(
    async () => expect([await versions(), await predict('pair'), await predict('pair/2.0')]).toEqual([['2.0'], 4, 4]),
    20_000,
  )
  await system.control('DELETE', '/modelversions/linear-v4')
  await vi.waitFor(async () => expect(await versions()).toEqual([]), 20_000)
}, 90_000)

test('in one round: the wanted one is registered, made the default, and answers with and without its version', async () => {
  await manage([one], [])
  expect(await manage([one], [])).toEqual([])
  expect([await versions(), await predict('pair'), await predict('pair/2.0')]).toEqual([['1.0'], 3, 404])
  expect(await manage([two], [one])).toEqual([
    'register "pair" version 2.0 from linear-2.mar',
    'scale "pair" version 2.0 to 1 workers',
    'make "pair" version 2.0 the default',
    'unregister "pair" version 1.0',
  ])
  expect([await versions(), await predict('pair'), await predict('pair/2.0'), await predict('pair/1.0')]).toEqual([['2.0'], 4, 4, 404])
}, 60_000)

test('a default that somebody chose stays, and goes last when all are dismissed', async () => {
  await manage([one, two], [])
  expect((await ask('/models/pair/1.0/set-default', 'PUT')).status).toBe(200)
  expect([await manage([one, two], []), await predict('pair')]).toEqual([[], 3])
  expect(await manage([], [one, two])).toEqual(['unregister "pair" version 2.0', 'unregister "pair" version 1.0'])
  expect(await versions()).toEqual([])
}, 60_000)

test('an archive of another version than the one named is said, and is not left there; other models are seen to', async () => {
  const other = { model: 'other', from: 'linear.mar', workers: { min: 0, max: 0 } }
  const advice =
    /TorchServe goes by the version in the archive: name an archive of version 9 in `from`, or the archive's own version in `version`$/
  const refused = manage([pair('9', 'linear.mar'), other], [])
  await expect(refused).rejects.toThrow(/^it does not register "pair" version 9 from linear.mar: the archive is version 1.0. /)
  await expect(refused).rejects.toThrow(advice)
  expect([await versions(), (await ask('/models/other')).status]).toEqual([[], 200])
  await manage([one], [other])
  const again = manage([one, pair('9', 'linear.mar')], [])
  await expect(again).rejects.toThrow('Model version 1.0 is already registered for model pair. ')
  await expect(again).rejects.toThrow(advice)
  expect(await versions()).toEqual(['1.0'])
}, 60_000)

test('a default beside versions of somebody else stays, and what to do is said', async () => {
  await manage([one], [])
  expect((await ask('/models?url=linear-2.mar&model_name=pair', 'POST')).status).toBe(200)
  await expect(manage([], [one])).rejects.toThrow(
    'it does not unregister "pair" version 1.0: Cannot remove default version for model pair. It has versions that Strata does not manage: make one of them the default (PUT /models/pair/VERSION/set-default)',
  )
  expect((await ask('/models/pair/2.0/set-default', 'PUT')).status).toBe(200)
  expect([await manage([], [one]), await versions()]).toEqual([['unregister "pair" version 1.0'], ['2.0']])
}, 60_000)
