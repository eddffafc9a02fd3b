import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { manualClock } from '../../kernel/clock.ts'
import type { Resource } from '../../resources/index.ts'
import { rollout } from '../../resources/rollout.ts'
import { API_VERSION } from '../../resources/scalars.ts'
import { samplesOf } from '../prometheus/index.ts'
import { createChecks, judgeChecks } from './checks.ts'

let server: Server
let address: string
/** What the next question is answered. */
let answer: { status?: number; body: string; delayMs?: number }
const asked: { path: string; body: string; authorization: string | undefined }[] = []

beforeAll(async () => {
  server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    asked.push({ path: req.url!, body, authorization: req.headers.authorization })
    await sleep(answer.delayMs ?? 0)
    res.writeHead(answer.status ?? 200).end(answer.body)
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())
afterEach(() => vi.unstubAllEnvs())

function release(...checks: object[]): Resource<'Rollout'> {
  return {
    apiVersion: API_VERSION,
    kind: 'Rollout',
    metadata: { name: 'a', namespace: 'default', uid: 'uid' },
    spec: rollout.spec.parse({ route: 'r', from: 'v1', to: 'v2', analysis: { checks } }),
    status: { conditions: [], history: [], phase: 'Progressing', weight: 25, step: 2, attempt: 1 },
  }
}

/** What is known after so many answers, a second apart. */
async function askedTimes(times: number, of: Resource<'Rollout'>) {
  const clock = manualClock()
  let heard: (() => void) | undefined
  const checks = createChecks({ clock, onChange: () => heard?.() })
  for (let i = 0; i < times; i++) {
    const answered = new Promise<void>((done) => {
      heard = done
    })
    checks.look(of)
    await answered
    clock.advance(1_000)
  }
  const clockLater = checks.look({
    ...of,
    spec: { ...of.spec, analysis: { ...of.spec.analysis, checks: of.spec.analysis.checks.map((each) => ({ ...each, every: '1h' })) } },
  })
  checks.close()
  return clockLater
}

describe('a service of one’s own', () => {
  const webhook = () => ({ name: 'gate', webhook: { address: `${address}/gate`, bearer: { env: 'GATE_TOKEN' } }, every: '1s' })

  test('is told of the release, and what it says counts', async () => {
    vi.stubEnv('GATE_TOKEN', 'secret')
    answer = { body: '{ "ok": true }' }
    expect(await askedTimes(1, release(webhook()))).toMatchObject([{ name: 'gate', good: true, failures: 0, message: 'good' }])
    const { path, body, authorization } = asked.at(-1)!
    expect([path, authorization]).toEqual(['/gate', 'Bearer secret'])
    expect(JSON.parse(body)).toEqual({
      rollout: 'a',
      namespace: 'default',
      route: 'r',
      from: 'v1',
      to: 'v2',
      phase: 'Progressing',
      step: 2,
      weight: 25,
      attempt: 1,
    })
    answer = { body: '{ "ok": false, "message": "the offline score fell" }' }
    expect(await askedTimes(2, release(webhook()))).toMatchObject([{ good: false, failures: 2, message: 'the offline score fell' }])
  })

  test.each([
    ['an error', { status: 500, body: '' }, 'HTTP 500'],
    ['no JSON', { body: 'yes' }, /^no answer: /],
    ['no verdict', { body: '{ "ok": "yes" }' }, 'its answer has no `ok` that is true or false'],
    ['more than anybody reads', { body: 'x'.repeat(2_000_000) }, /^no answer: more than 1 MiB/],
  ])('%s is no bad answer', async (_, given, message) => {
    vi.stubEnv('GATE_TOKEN', 'secret')
    answer = given
    const [report] = await askedTimes(1, release(webhook()))
    expect([report!.good, report!.failures]).toEqual([undefined, 0])
    expect(report!.message).toMatch(message)
  })

  test('a secret that is not there is said, and nothing is asked', async () => {
    const before = asked.length
    expect(await askedTimes(1, release(webhook()))).toMatchObject([
      { message: 'no answer: the environment variable GATE_TOKEN is not set' },
    ])
    expect(asked.length).toBe(before)
  })
})

describe('an instant query', () => {
  test.each([
    [{ status: 'success', data: { resultType: 'vector', result: [{ value: [1, '0.5'] }, { value: [1, '2'] }] } }, [0.5, 2]],
    [{ status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }, [7]],
    [{ status: 'success', data: { resultType: 'vector', result: [] } }, []],
    [{ status: 'success', data: { resultType: 'matrix', result: [] } }, undefined],
    [{ status: 'error' }, undefined],
    [null, undefined],
  ])('%j', (given, expected) => {
    expect(samplesOf(given)).toEqual(expected)
  })
})

describe('together', () => {
  const [check] = release({ name: 'gate', webhook: { address: 'http://x/' }, failures: 2 }).spec.analysis.checks
  const report = (good: boolean | undefined, failures: number) => ({
    name: 'gate',
    failures,
    message: 'm',
    time: '',
    ...(good === undefined ? {} : { good }),
  })

  test('bad as often as is written: harm; no answer: it waits', () => {
    expect(judgeChecks([check!], [report(true, 0)], 0)).toEqual({ good: true, missing: '' })
    expect(judgeChecks([check!], [report(false, 1)], 0)).toEqual({ good: false, missing: 'The check gate is waited for: m.' })
    expect(judgeChecks([check!], [report(false, 2)], 0).harm).toBe('The check gate was bad 2 times one after the other: m')
    expect(judgeChecks([check!], [report(undefined, 0)], 0)).toEqual({ good: false, missing: 'The check gate is waited for: m.' })
    expect(judgeChecks([], [], 0)).toEqual({ good: true, missing: '' })
  })
})
