/**
 * What a large system costs, beside the same system while it is small: 10 routes and 40 keys, then 5,000 routes and 20,000 keys.
 *
 *   apply      one changed route through the API, until the answer, and until the gateway runs it
 *   compile    every entry of the snapshot anew from the resources (what control does once, when it starts)
 *   load       the gateway's snapshot from its disk, until it could answer
 *   look-up    key → consumer → route → version of a request, in the gateway's own code: the same few keys in both, and all there are
 *
 *   npx strata --node bench/control.ts [--routes 5000] [--keys 20000]
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { compileResource } from '../src/control/feed/compile.ts'
import { authenticate } from '../src/gateway/authenticate.ts'
import { choose } from '../src/gateway/routing.ts'
import { readSnapshotFile } from '../src/gateway/snapshot/disk.ts'
import type { Tables } from '../src/gateway/snapshot/tables.ts'
import { homeAt } from '../src/kernel/home.ts'
import { sha256Hex } from '../src/kernel/ids.ts'
import { KIND_NAMES, KINDS, type Resource } from '../src/resources/index.ts'
import { startSystem } from '../test/harness/system.ts'
import { median } from './load/index.ts'

const { values } = parseArgs({ options: { routes: { type: 'string', default: '5000' }, keys: { type: 'string', default: '20000' } } })
const SMALL = { routes: 10, keys: 40 }
const LARGE = { routes: Number(values.routes), keys: Number(values.keys) }
const BATCH = 500
const say = (line: string) => process.stdout.write(`${line}\n`)

const resource = (kind: string, name: string, spec: object) => ({ apiVersion: 'strata.dev/v1alpha1', kind, metadata: { name }, spec })
const secret = (i: number) => `sk-bench-${i}`
const route = (i: number, firstByte = '60s') =>
  resource('Route', `route-${i}`, {
    models: [`model-${i}`],
    targets: [{ version: 'fixed-v1', weight: 100 }],
    limits: ['ample'],
    timeouts: { firstByte },
  })
const key = (i: number) => resource('ApiKey', `key-${i}`, { consumer: `consumer-${i % 100}`, hash: sha256Hex(secret(i)) })
const GROUND = [
  resource('Limit', 'ample', { per: 'key', rules: [{ requests: 1000, every: '1m' }] }),
  resource('Backend', 'fixed', { protocol: 'openai', address: 'http://127.0.0.1:9/v1' }),
  resource('Model', 'fixed', { task: 'chat' }),
  resource('ModelVersion', 'fixed-v1', { model: 'fixed', version: 'v1', source: { backend: { name: 'fixed', model: 'fixed' } } }),
  ...Array.from({ length: 100 }, (_, i) => resource('Consumer', `consumer-${i}`, { models: ['*'] })),
]

const folder = mkdtempSync(join(tmpdir(), 'strata-bench-'))
const system = await startSystem()
try {
  const apply = (documents: object[]) => system.control('POST', '/apply', { documents })
  const snapshotFile = join(homeAt(system.home).snapshots, 'gateway-0.ndjson')
  const snapshotVersion = async () =>
    Number(/^strata_snapshot_version\S* (\d+)/m.exec(await (await fetch(`${system.gatewayUrl}/metrics`)).text())![1])
  const grow = async (documents: object[]) => {
    for (let i = 0; i < documents.length; i += BATCH) await apply(documents.slice(i, i + BATCH))
  }

  /** One route changes, 20 times: until the API has answered, and until the gateway has the change. */
  const changes = async (routes: number) => {
    const answered: number[] = []
    const running: number[] = []
    for (let i = 0; i < 20; i++) {
      const before = await snapshotVersion()
      const from = performance.now()
      await apply([route(Math.floor((routes * i) / 20), `${i + 1}s`)])
      answered.push(performance.now() - from)
      while ((await snapshotVersion()) === before) await sleep(1)
      running.push(performance.now() - from)
    }
    return { answered: median(answered), slowest: Math.max(...answered), running: median(running) }
  }

  const compile = async () => {
    const lists = await Promise.all(
      KIND_NAMES.map(async (kind) => (await system.control<{ items: Resource[] }>('GET', `/${KINDS[kind].plural}`)).items),
    )
    const all = lists.flat()
    const find = (kind: string, name: string) => all.find((one) => one.kind === kind && one.metadata.name === name)
    const backend = find('Backend', 'fixed') as Resource<'Backend'>
    const model = find('Model', 'fixed') as Resource<'Model'>
    const times: number[] = []
    for (let round = 0; round < 5; round++) {
      const from = performance.now()
      for (const one of all)
        compileResource(one, { backend: () => backend, task: () => model.spec.task, deciders: () => ({ rollouts: [], experiments: [] }) })
      times.push(performance.now() - from)
    }
    return median(times)
  }

  const load = (file: string) => {
    const times: number[] = []
    let tables: Tables | undefined
    for (let round = 0; round < 5; round++) {
      const from = performance.now()
      tables = readSnapshotFile(file).tables
      times.push(performance.now() - from)
    }
    return { ms: median(times), tables: tables! }
  }

  /** Microseconds for a request's look-ups, keys and routes drawn from the first so many. */
  const lookUps = (tables: Tables, size: { routes: number; keys: number }) => {
    const requests = Array.from({ length: 20_000 }, () => ({
      authorization: `Bearer ${secret(Math.floor(Math.random() * size.keys))}`,
      model: `model-${Math.floor(Math.random() * size.routes)}`,
    }))
    const from = performance.now()
    for (const { authorization, model } of requests) {
      const caller = authenticate(tables, { headers: { authorization }, connection: {} }, 0)
      if ('status' in caller) throw new Error(caller.message)
      const choice = choose(tables, caller, { model, headers: {} }, 0.5)
      if ('status' in choice) throw new Error(choice.message)
    }
    return ((performance.now() - from) * 1000) / requests.length
  }

  await grow(GROUND)
  await grow([...Array.from({ length: SMALL.routes }, (_, i) => route(i)), ...Array.from({ length: SMALL.keys }, (_, i) => key(i))])
  const small = { ...(await changes(SMALL.routes)), compile: await compile() }
  await sleep(2_000) // the gateway writes its snapshot a moment after it runs it
  const smallFile = join(folder, 'small.ndjson')
  copyFileSync(snapshotFile, smallFile)

  const from = performance.now()
  await grow(Array.from({ length: LARGE.routes - SMALL.routes }, (_, i) => route(SMALL.routes + i)))
  await grow(Array.from({ length: LARGE.keys - SMALL.keys }, (_, i) => key(SMALL.keys + i)))
  const growing = performance.now() - from
  const large = { ...(await changes(LARGE.routes)), compile: await compile() }
  await sleep(2_000)
  const [smallLoad, largeLoad] = [load(smallFile), load(snapshotFile)]
  const seen = { small: [] as number[], large: [] as number[], wide: [] as number[] }
  for (let round = 0; round < 15; round++) {
    seen.small.push(lookUps(smallLoad.tables, SMALL))
    seen.large.push(lookUps(largeLoad.tables, SMALL))
    seen.wide.push(lookUps(largeLoad.tables, LARGE))
  }
  // The first rounds are the compiler's.
  const [near, far, wide] = [seen.small, seen.large, seen.wide].map((rounds) => median(rounds.slice(5)))

  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
  say(`| | ${SMALL.routes} routes, ${SMALL.keys} keys | ${LARGE.routes} routes, ${LARGE.keys} keys | to reach |`)
  say('|---|---:|---:|---:|')
  say(
    `| apply of one change, median (slowest of 20) | ${ms(small.answered)} (${ms(small.slowest)}) | ${ms(large.answered)} (${ms(large.slowest)}) | < 200 ms |`,
  )
  say(`| until the gateway runs it | ${ms(small.running)} | ${ms(large.running)} | |`)
  say(`| compile of everything | ${ms(small.compile)} | ${ms(large.compile)} | |`)
  say(`| load from disk | ${ms(smallLoad.ms)} | ${ms(largeLoad.ms)} | < 1000 ms |`)
  say(`| look-up of a request, ${SMALL.keys} keys in use | ${near!.toFixed(2)} µs | ${far!.toFixed(2)} µs | not measurably slower |`)
  say(`| the same, all keys and routes in use (memory is slower than caches) | | ${wide!.toFixed(2)} µs | |`)
  say(`\nAll of it applied, ${BATCH} documents at a time, in ${(growing / 1000).toFixed(0)} s.`)
} finally {
  await system.stop()
  rmSync(folder, { recursive: true, force: true })
}
