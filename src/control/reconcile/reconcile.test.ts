/** Statuses of what lives elsewhere, against a real server and a real store. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../../kernel/clock.ts'
import type { Kind, Status } from '../../resources/index.ts'
import { type ExampleControl, exampleControl } from '../example-context.ts'
import { createReconciler, type Reconciler } from './index.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
let control: ExampleControl
let reconciler: Reconciler
let server: Server
let status = 200
let authorization: string | undefined

beforeAll(async () => {
  server = createServer((req, res) => {
    authorization = req.headers.authorization
    res.writeHead(status).end(JSON.stringify({ object: 'list', data: [{ id: 'llama-70b' }, { id: 'qwen' }] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  control = await exampleControl()
  const { store, log } = control.context
  reconciler = createReconciler({ store, log, clock: systemClock })
  reconciler.start()
}, 60_000)
afterAll(async () => {
  await reconciler.close()
  await control.close()
  server.close()
})

const statusOf = <K extends Kind>(kind: K, name: string) =>
  control.context.store.resources.get(kind, 'default', name)?.status as Status<K> | undefined

test('a backend is probed with its credentials, its models are listed, and versions and routes on it follow', async () => {
  process.env.KEY_OF_A_TEST_BACKEND = 'secret'
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const result = await control.context.store.resources.apply(
    [
      { ...head, kind: 'Model', metadata: { name: 'big' }, spec: {} },
      {
        ...head,
        kind: 'Backend',
        metadata: { name: 'vllm' },
        spec: {
          protocol: 'openai',
          address,
          credentials: { bearer: { env: 'KEY_OF_A_TEST_BACKEND' } },
          health: { period: '100ms' },
          discovery: { models: true },
        },
      },
      {
        ...head,
        kind: 'ModelVersion',
        metadata: { name: 'big-v1' },
        spec: { model: 'big', version: 'v1', source: { backend: { name: 'vllm', model: 'llama-70b' } } },
      },
      { ...head, kind: 'Route', metadata: { name: 'big' }, spec: { models: ['big'], targets: [{ version: 'big-v1' }] } },
    ],
    { actor: 'test' },
  )
  expect(result).toHaveProperty('changes')
  await vi.waitFor(
    () => expect(statusOf('Route', 'big')?.conditions[0]).toMatchObject({ type: 'Ready', status: 'True', reason: 'AllTargetsReady' }),
    5_000,
  )
  expect(authorization).toBe('Bearer secret')
  expect(statusOf('Backend', 'vllm')).toMatchObject({
    conditions: [
      { type: 'Reachable', status: 'True' },
      { type: 'Ready', status: 'True' },
    ],
    models: [
      { name: 'llama-70b', state: 'ready' },
      { name: 'qwen', state: 'ready' },
    ],
  })
  expect(statusOf('ModelVersion', 'big-v1')).toMatchObject({ state: 'Ready', observedGeneration: 1 })
  expect(statusOf('Route', 'big')?.effective).toEqual({ targets: [{ version: 'big-v1', weight: 100 }], by: 'spec' })

  status = 401
  await vi.waitFor(
    () =>
      expect(statusOf('ModelVersion', 'big-v1')).toMatchObject({
        state: 'Failed',
        message: 'Backend vllm: it refuses our credentials (HTTP 401)',
      }),
    5_000,
  )
  await vi.waitFor(
    () => expect(statusOf('Route', 'big')?.conditions[0]).toMatchObject({ status: 'False', message: 'big-v1 is not ready.' }),
    5_000,
  )
  status = 404
  await vi.waitFor(() => expect(statusOf('ModelVersion', 'big-v1')).toMatchObject({ state: 'Ready' }), 5_000)

  // Statuses are the system's business: nobody changed anything.
  expect((await control.context.store.audit.list({ limit: 100 })).every(({ actor }) => actor === 'test')).toBe(true)
})
