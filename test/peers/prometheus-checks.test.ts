/** A release's checks against a real Prometheus, which scrapes itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manualClock } from '../../src/kernel/clock.ts'
import { createChecks } from '../../src/orchestration/rollouts/checks.ts'
import type { Resource } from '../../src/resources/index.ts'
import { rollout } from '../../src/resources/rollout.ts'
import { API_VERSION } from '../../src/resources/scalars.ts'
import { freePorts } from '../harness/ports.ts'

const folder = mkdtempSync(join(tmpdir(), 'strata-prometheus-'))
let prometheus: ChildProcess
let address: string

beforeAll(async () => {
  const [port] = await freePorts(1)
  address = `http://127.0.0.1:${port}`
  const config = `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: itself, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]\n`
  writeFileSync(join(folder, 'prometheus.yml'), config)
  const flags = [
    '--config.file',
    join(folder, 'prometheus.yml'),
    '--storage.tsdb.path',
    join(folder, 'data'),
    '--web.listen-address',
    `127.0.0.1:${port}`,
  ]
  prometheus = spawn('prometheus', flags, { stdio: 'ignore' })
  for (const end = performance.now() + 30_000; ; await sleep(200)) {
    const scraped = await query('up == 1')
    if (scraped?.good) return
    expect(performance.now(), scraped?.message).toBeLessThan(end)
  }
})
afterAll(async () => {
  prometheus.kill()
  await new Promise((gone) => prometheus.once('exit', gone))
  rmSync(folder, { recursive: true, force: true })
})

async function query(promql: string, bounds: object = { atLeast: 1 }, at = address) {
  const spec = rollout.spec.parse({
    ...{ route: 'r', from: 'v1', to: 'v2' },
    analysis: { checks: [{ name: 'it', prometheus: { address: at, query: promql, ...bounds } }] },
  })
  const of: Resource<'Rollout'> = {
    apiVersion: API_VERSION,
    kind: 'Rollout',
    metadata: { name: 'a', namespace: 'default', uid: 'u' },
    spec,
  }
  const answered = Promise.withResolvers<void>()
  const checks = createChecks({ clock: manualClock(), onChange: answered.resolve })
  checks.look(of)
  await answered.promise
  const [report] = checks.look(of)
  checks.close()
  return report
}

test.each([
  ['up', { atLeast: 1 }, { good: true, message: '1, at least 1' }],
  ['up', { atLeast: 2 }, { good: false, failures: 1, message: '1 is not at least 2' }],
  ['vector(0.25)', { atMost: 0.01 }, { good: false, message: '0.25 is not at most 0.01' }],
  ['scalar(vector(0.25))', { atLeast: 0.2, atMost: 0.3 }, { good: true, message: '0.25, at least 0.2 and at most 0.3' }],
  ['nothing_of_that_name', { atMost: 1 }, { failures: 0, message: 'the query finds no number' }],
  ['0 / (up - up)', { atMost: 1 }, { failures: 0, message: 'the query finds no number' }],
  ['up[1m]', { atMost: 1 }, { failures: 0, message: 'what it answers is no result of a query' }],
])('%s, %j', async (promql, bounds, expected) => {
  expect(await query(promql, bounds)).toMatchObject(expected)
})

test('what it complains of is passed on, and nobody there is said', async () => {
  expect((await query('sum('))!.message).toMatch(/^HTTP 400 invalid parameter "query": .*parse error/)
  const [free] = await freePorts(1)
  expect((await query('up', { atLeast: 1 }, `http://127.0.0.1:${free}`))!.message).toMatch(/^no answer: connect ECONNREFUSED/)
})
