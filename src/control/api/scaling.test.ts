import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ExampleControl, exampleControl } from '../example-context.ts'
import { createServer } from '../server.ts'
import type { ScaledNow, ScalingAnswer } from './scaling.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const version = (name: string, scaling: object) => ({
  ...{ ...head, kind: 'ModelVersion', metadata: { name } },
  spec: { model: 'm', version: name, source: { engine: { kind: 'simulated' } }, scaling },
})
const schedule = [{ from: '00:00', instances: 3 }]

let control: ExampleControl
let app: FastifyInstance
beforeAll(async () => {
  control = await exampleControl()
  app = createServer(control.context)
  const documents = [
    { ...head, kind: 'Model', metadata: { name: 'm' }, spec: {} },
    version('plain', { min: 2 }),
    version('scaled', { min: 1, max: 5, policy: { schedule } }),
  ]
  const result = await control.context.store.resources.apply(documents, { actor: 'me' })
  expect(result).not.toHaveProperty('problems')
  for (let i = 0; i < 2; i++) {
    control.clock.advance(2_000)
    await control.autoscaler.round()
  }
})
afterAll(async () => {
  await app.close()
  await control.close()
})

async function get<T>(path: string): Promise<{ status: number; body: T }> {
  const answer = await app.inject({ url: `/api/v1alpha1${path}`, headers: { authorization: 'Bearer admin-token', host: 'localhost' } })
  return { status: answer.statusCode, body: answer.json() as T }
}

describe('what autoscaling wants', () => {
  it('of all versions with a policy', async () => {
    const { body } = await get<{ items: ScaledNow[] }>('/scaling')
    expect(body.items).toMatchObject([
      {
        namespace: 'default',
        name: 'scaled',
        policy: 'schedule',
        min: 1,
        max: 5,
        wanted: 3,
        starting: 1,
        reason: '3 instances since 00:00.',
      },
    ])
    expect((await get('/scaling?namespace=other')).body).toEqual({ items: [] })
  })

  it('of one, with its decisions', async () => {
    const { body } = await get<ScalingAnswer>('/modelversions/scaled/scaling')
    expect(body).toMatchObject({ policy: { min: 1, max: 5, policy: { schedule } }, now: { wanted: 3 }, points: [] })
    const at = control.clock.now()
    expect(body.decisions).toEqual([
      {
        at,
        from: 1,
        wanted: 3,
        asked: 3,
        policy: 'schedule',
        reason: '3 instances since 00:00.',
        inputs: { minute: expect.any(Number) },
        ready: 0,
        starting: 1,
      },
    ])
    control.clock.advance(7_200_000)
    expect((await get<ScalingAnswer>('/modelversions/scaled/scaling')).body.decisions).toEqual([])
    expect((await get<ScalingAnswer>('/modelversions/scaled/scaling?hours=2.5')).body.decisions).toHaveLength(1)
  })

  it('of one that cannot start, with what keeps it from it', async () => {
    const resource = control.context.store.resources.get('ModelVersion', 'default', 'scaled')!
    const status = { conditions: [], state: 'Failed' as const, message: 'not enough memory' }
    expect(await control.context.store.resources.setStatus(resource, status)).toBe(true)
    const { body } = await get<ScalingAnswer>('/modelversions/scaled/scaling')
    expect(body.status).toEqual({ state: 'Failed', message: 'not enough memory' })
  })

  it('of one without a policy: what it says, and nothing of now', async () => {
    const { body } = await get<ScalingAnswer>('/modelversions/plain/scaling')
    expect(body).toEqual({ policy: { min: 2 }, points: [], decisions: [] })
  })

  it.each([
    ['/modelversions/none/scaling', 404, 'There is no ModelVersion "none" in the namespace default.'],
    ['/modelversions/scaled/scaling?hours=721', 400, '`hours` is a number from 0 to 720.'],
    ['/modelversions/scaled/scaling?hours=-1', 400, '`hours` is a number from 0 to 720.'],
    ['/modelversions/scaled/scaling?hours=', 400, '`hours` is a number from 0 to 720.'],
  ])('%s: %d', async (path, status, message) => {
    expect(await get(path)).toMatchObject({ status, body: { error: { message } } })
  })
})
