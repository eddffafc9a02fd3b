import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ManualClock, manualClock } from '../../kernel/clock.ts'
import type { External } from '../autoscaling/policy.ts'
import { createQueries, type Queries } from './queries.ts'

const vector = (...values: string[]) =>
  JSON.stringify({ status: 'success', data: { resultType: 'vector', result: values.map((value) => ({ value: [0, value] })) } })

let server: Server
let address: string
let answer: { status?: number; body: string }
const asked: (string | undefined)[] = []
beforeAll(async () => {
  server = createServer((req, res) => {
    asked.push(req.headers.authorization)
    res.writeHead(answer.status ?? 200).end(answer.body)
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())

let clock: ManualClock
let queries: Queries
let heard: () => void
const begin = () => {
  asked.length = 0
  clock = manualClock()
  queries = createQueries({ clock, onAnswer: () => heard() })
}
afterEach(() => {
  queries.close()
  vi.unstubAllEnvs()
})
const query = (change: object = {}) => ({ address, query: 'up', target: 1, ...change })

/** What is known after the next answer. */
async function answered(body: string, status = 200, change: object = {}, before?: External): Promise<External> {
  answer = { status, body }
  const told = new Promise<void>((done) => {
    heard = done
  })
  queries.look('u', query(change), before)
  await told
  return queries.look('u', query(change), before)
}

describe('a query', () => {
  test('is asked every 15 seconds, and its samples are added up', async () => {
    begin()
    expect(await answered(vector('1', '2.5'))).toEqual({ value: 3.5, answeredAt: clock.latest() })
    clock.advance(14_999)
    queries.look('u', query(), undefined)
    expect(asked).toHaveLength(1)
    clock.advance(1)
    expect(await answered(vector('7'))).toEqual({ value: 7, answeredAt: clock.latest() })
    expect(asked).toHaveLength(2)
  })

  test.each<[string, string, number, RegExp]>([
    ['an error', '{"status":"error","error":"bad query"}', 400, /^HTTP 400 bad query$/],
    ['no JSON', '<html>', 200, /^what it answers is no JSON$/],
    ['no number', vector(), 200, /^the query finds no number$/],
    ['infinitely much', vector('+Inf'), 200, /^the query finds no finite number$/],
    ['more than anybody reads', 'x'.repeat(2_000_000), 200, /^no answer: more than 1 MiB$/],
  ])('that is answered by %s leaves what was known, and says why', async (_, body, status, problem) => {
    begin()
    const { value, answeredAt } = await answered(vector('4'))
    clock.advance(15_000)
    expect(await answered(body, status)).toEqual({ value, answeredAt, problem: expect.stringMatching(problem) })
    clock.advance(15_000)
    expect(await answered(vector('5'))).toEqual({ value: 5, answeredAt: clock.latest() })
  })

  test('brings the secret that its reference names, and says where it is not', async () => {
    begin()
    expect(await answered(vector('1'), 200, { bearer: { env: 'QUERY_TOKEN' } })).toEqual({
      problem: 'no answer: the environment variable QUERY_TOKEN is not set',
    })
    clock.advance(15_000)
    vi.stubEnv('QUERY_TOKEN', 'secret')
    expect(await answered(vector('1'), 200, { bearer: { env: 'QUERY_TOKEN' } })).toMatchObject({ value: 1 })
    expect(asked).toEqual(['Bearer secret'])
    clock.advance(15_000)
    expect(await answered(vector('1'), 200, { bearer: { env: 'STRATA_TOKEN' } })).toEqual({
      problem: 'no answer: STRATA_TOKEN is a variable of Strata itself',
    })
  })

  test('goes on from what an earlier control knew, and another one from nothing', async () => {
    begin()
    const before = { value: 9, answeredAt: clock.latest() - 60_000 }
    expect(await answered('no', 200, {}, before)).toMatchObject({ ...before, problem: expect.any(String) })
    expect(await answered('no', 200, { query: 'down' })).toEqual({ problem: expect.any(String) })
  })
})
