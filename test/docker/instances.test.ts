/** Versions as containers of a real Docker, behind the same routes and keys as processes: from their start to their end, and through what breaks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ScalingAnswer } from '../../src/control/api/scaling.ts'
import type { InstanceStatus, SystemStatus, VersionStatus } from '../../src/control/status.ts'
import { storyModel } from '../fixtures/weights.ts'
import { keepAsking } from '../harness/load.ts'
import { type System, startSystem } from '../harness/system.ts'
import { type DockerDaemon, startDockerd } from '../peers/dockerd.ts'
import { llamaServerImage } from './model-images.ts'
import { buildStrataImage } from './strata-image.ts'

const TOKENS = 60

let daemon: DockerDaemon
let system: System
let strataImage: string
let llamaServer: string
let model: string
let folder: string

beforeAll(async () => {
  daemon = await startDockerd()
  ;[strataImage, llamaServer, model] = [(await buildStrataImage(daemon)).image, await llamaServerImage(daemon), (await storyModel()).path]
  folder = mkdtempSync(join(tmpdir(), 'strata-containers-'))
  writeFileSync(join(folder, 'secret'), 'sk-of-the-server\n')
  const env = { DOCKER_HOST: `unix://${daemon.socketPath}`, STRATA_DOCKER_NETWORK: daemon.network, STRATA_IMAGE: strataImage }
  system = await startSystem({ bootstrap: manifests(), gateways: 2, env })
}, 300_000)
afterAll(async () => {
  await system?.stop()
  await daemon?.stop()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const manifests = () => `
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: {}
`

const engine = { engine: { kind: 'simulated', parameters: { timeToFirstToken: '20ms', tokensPerSecond: 50, answerTokens: TOKENS } } }

function apply(name: string, spec: object, annotations: Record<string, string> = {}) {
  const head = { apiVersion: 'strata.dev/v1alpha1' }
  const version = { model: 'assistant', version: name, ...spec }
  const route = { models: [name], targets: [{ version: name, weight: 100 }] }
  return system.control('POST', '/apply', {
    documents: [
      { ...head, kind: 'ModelVersion', metadata: { name, annotations }, spec: version },
      { ...head, kind: 'Route', metadata: { name }, spec: route },
    ],
  })
}
async function remove(name: string) {
  await system.control('DELETE', `/routes/${name}`)
  await system.control('DELETE', `/modelversions/${name}`)
  await until(
    () => containers(name),
    (there) => there.length === 0,
    'its containers are gone',
  )
}

async function until<T>(look: () => Promise<T>, is: (seen: T) => boolean, what: string, timeoutMs = 30_000): Promise<T> {
  for (const end = performance.now() + timeoutMs; ; await sleep(100)) {
    const seen = await look()
    if (is(seen)) return seen
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s; ${JSON.stringify(seen)}\n${controlLog()}`)
  }
}
/** What control has said last: what engines say is of no use here. */
const controlLog = () =>
  system
    .logs()
    .split('\n')
    .filter((line) => line.includes('"process":"control"'))
    .slice(-40)
    .join('\n')
const version = async (name: string): Promise<VersionStatus | undefined> =>
  (await system.control<SystemStatus>('GET', '/status')).versions.find((each) => each.name === name)
const comes = (name: string, is: (seen: VersionStatus) => boolean, timeoutMs?: number) =>
  until(
    () => version(name),
    (seen) => seen !== undefined && is(seen),
    `${name} comes to that`,
    timeoutMs,
  ) as Promise<VersionStatus>
const ready = (name: string, count = 1, timeoutMs?: number) =>
  comes(
    name,
    ({ instances }) => instances.ready === count && instances.list.filter(({ state }) => state === 'ready').length === count,
    timeoutMs,
  )

interface Listed {
  readonly Id: string
  readonly State: string
  readonly Labels: Record<string, string>
  readonly Ports: readonly { readonly PublicPort?: number }[]
}
async function containers(name: string): Promise<Listed[]> {
  const all = (await daemon.ask('GET', '/containers/json?all=1')) as Listed[]
  return all.filter(({ Labels }) => Labels['dev.strata.instance']?.startsWith(`${name}-`))
}

async function chat(model_: string, over: object = {}) {
  const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: model_, max_tokens: TOKENS, messages: [{ role: 'user', content: 'Once upon a time' }], ...over }),
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}
/** What is wrong with a streamed answer, if anything is. */
async function stream(model_: string): Promise<string | undefined> {
  const { status, text } = await chat(model_, { stream: true })
  if (status !== 200) return `HTTP ${status}: ${text.slice(0, 200)}`
  return text.trimEnd().endsWith('data: [DONE]') && !text.includes('"error"') ? undefined : `cut: ${text.slice(-300)}`
}
/** Streams without a pause, until told to stop or the test is over; tells what was wrong. */
function streams(model_: string, count: number) {
  let whole = 0
  const wrong: string[] = []
  const asking = keepAsking(count, async () => {
    const problem = await stream(model_).catch(String)
    if (problem === undefined) whole += 1
    else wrong.push(problem)
  })
  return {
    async stop() {
      await asking.stop()
      return { whole, wrong }
    },
  }
}
const stateOf = (seen: VersionStatus): readonly InstanceStatus[] => seen.instances.list

describe('an image that speaks OpenAI’s API: a real llama-server', () => {
  test('starts, says its states, answers through the gateway with its prompt and sampling, and its logs are there', async () => {
    await apply('story', {
      source: {
        image: {
          name: llamaServer,
          protocol: 'openai',
          port: 8000,
          args: [
            '--host',
            '0.0.0.0',
            '--port',
            '$(PORT)',
            '-m',
            `/models/${basename(model)}`,
            '-c',
            '512',
            '-t',
            '1',
            '--no-webui',
            '--metrics',
          ],
          env: { LLAMA_API_KEY: { file: join(folder, 'secret') } },
          volumes: [{ source: dirname(model), target: '/models', readOnly: true }],
          credentials: { bearer: { file: join(folder, 'secret') } },
          maxConcurrent: 8,
        },
      },
      sampling: { temperature: 0, maxTokens: 8 },
      resources: { cpu: '1', memory: '1Gi' },
      warmup: { requests: [{ body: { messages: [{ role: 'user', content: 'warm' }], max_tokens: 1 } }] },
    })
    const seen = await ready('story', 1, 60_000)
    expect(seen).toMatchObject({ engine: 'image', state: 'Ready' })
    const [instance] = stateOf(seen)
    expect(instance).toMatchObject({ runtime: 'docker', restarts: 0 })
    const states = instance!.changes.map(({ state }) => state)
    expect(states.at(-1)).toBe('ready')
    expect(states).toEqual([...states].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)))
    expect(states).toContain('warming')
    expect(instance!.load).toMatchObject({ waiting: 0 })

    const { status, text, headers } = await chat('story', { max_tokens: undefined })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ usage: { completion_tokens: 8 } })
    expect(headers.get('x-strata-model-version')).toBe('assistant@story')
    expect(await stream('story')).toBeUndefined()

    const { lines } = await system.control<{ lines: string[] }>('GET', `/instances/${instance!.id}/logs?lines=500`)
    expect(lines.join('\n')).toContain(`loading model '/models/${basename(model)}'`)
    // Its key is in its environment, and in nothing that we tell or keep.
    const told = JSON.stringify([
      await system.control('GET', '/status'),
      await system.control('GET', '/modelversions/story'),
      system.logs(),
    ])
    expect(told).not.toContain('sk-of-the-server')
    const [container] = await containers('story')
    expect(JSON.stringify(container!.Labels)).not.toContain('sk-of-the-server')
  })

  test('it is killed: it is back, and how it ended is told', async () => {
    const [container] = await containers('story')
    const { State } = (await daemon.ask('GET', `/containers/${container!.Id}/json`)) as { State: { Pid: number } }
    process.kill(State.Pid, 'SIGKILL')
    const killed = ({ changes }: InstanceStatus) => changes.some(({ message }) => message?.includes('exit code 137'))
    const seen = await comes('story', ({ instances }) => instances.ready === 1 && instances.list.some(killed))
    expect(stateOf(seen)[0]!.restarts).toBe(1)
    expect((await chat('story')).status).toBe(200)
  })

  test('it hangs: it gets no requests, is ended and started again', async () => {
    const [container] = await containers('story')
    const probes = { readiness: { period: '500ms', timeout: '500ms' }, liveness: { period: '1s', timeout: '500ms', failures: 3 } }
    const { spec } = await system.control<{ spec: object }>('GET', '/modelversions/story')
    await apply('story', { ...spec, probes })
    await sleep(500)
    const before = stateOf((await version('story'))!)[0]!.restarts
    await daemon.ask('POST', `/containers/${container!.Id}/pause`)
    await comes('story', ({ instances }) => instances.ready === 0)
    await comes('story', ({ instances }) => instances.ready === 1 && instances.list[0]!.restarts > before, 60_000)
    expect(await containers('story')).toHaveLength(1)
    await remove('story')
  })
})

const ORDER = ['pending', 'pulling', 'starting', 'loading', 'warming', 'ready']

describe('an engine of ours, as a process and in a container', () => {
  test('moved from one to the other and back under streams, none is broken', { timeout: 240_000 }, async () => {
    await apply('moved', { source: engine, scaling: { min: 2 } })
    await ready('moved', 2)
    const load = streams('moved', 6)
    for (const runtime of ['docker', 'process', 'docker']) {
      await apply('moved', { source: engine, scaling: { min: 2 }, runtime })
      await comes(
        'moved',
        ({ instances }) => instances.list.filter((each) => each.state === 'ready' && each.runtime === runtime).length === 2,
        60_000,
      )
      await comes('moved', ({ instances }) => instances.list.length === 2, 60_000)
    }
    for (let i = 0; i < 4; i++) {
      const before = new Set((await version('moved'))!.instances.list.map(({ id }) => id))
      await apply('moved', { source: engine, scaling: { min: 2 }, runtime: 'docker' }, { 'strata.dev/restarted-at': String(i) })
      await comes(
        'moved',
        ({ instances }) => instances.list.length === 2 && instances.ready === 2 && instances.list.every(({ id }) => !before.has(id)),
        60_000,
      )
    }
    const { whole, wrong } = await load.stop()
    expect(wrong).toEqual([])
    expect(whole).toBeGreaterThan(6)
    expect((await containers('moved')).filter(({ State }) => State === 'running')).toHaveLength(2)
  })

  test('control is killed in the middle of a replacement: nothing is doubled, nothing orphaned, no stream broken', {
    timeout: 120_000,
  }, async () => {
    const load = streams('moved', 4)
    await apply('moved', { source: engine, scaling: { min: 2 }, runtime: 'docker' }, { 'strata.dev/restarted-at': 'again' })
    await sleep(700)
    await system.kill('control')
    await until(
      () => system.control<SystemStatus>('GET', '/status').catch(() => undefined),
      (seen) => seen !== undefined,
      'control is back',
    )
    await ready('moved', 2)
    await comes('moved', ({ instances }) => instances.list.length === 2)
    const ids = (await version('moved'))!.instances.list.map(({ id }) => id).sort()
    const found = await until(
      () => containers('moved'),
      (there) => there.length === 2,
      'two containers are left',
    )
    expect(found.map(({ Labels }) => Labels['dev.strata.instance']).sort()).toEqual(ids)
    const { wrong } = await load.stop()
    expect(wrong).toEqual([])
  })

  test('dockerd is killed: within 30 s of its return all is as it shall be', { timeout: 120_000 }, async () => {
    await daemon.kill()
    await apply('moved', { source: engine, scaling: { min: 3 }, runtime: 'docker' }, { 'strata.dev/restarted-at': 'again' })
    await sleep(2_000)
    await daemon.start()
    await ready('moved', 3, 30_000)
    await until(
      () => containers('moved'),
      (there) => there.length === 3 && there.every(({ State }) => State === 'running'),
      'three containers run',
    )
    expect(await stream('moved')).toBeUndefined()
    await remove('moved')
  })
})

test('with a policy: containers come and go with the load, though dockerd is killed in the middle of both', {
  timeout: 240_000,
}, async () => {
  const policy = { knative: { target: 2, window: '6s' } }
  await apply('scaled', { source: engine, scaling: { min: 1, max: 3, policy, cooldown: { down: '2s' } }, runtime: 'docker' })
  await ready('scaled')
  const wanted = async () => (await system.control<ScalingAnswer>('GET', '/modelversions/scaled/scaling')).now!.wanted
  const running = async () => (await containers('scaled')).filter(({ State }) => State === 'running')
  const killed = async () => {
    await daemon.kill()
    await sleep(2_000)
    await daemon.start()
  }

  const load = streams('scaled', 6)
  await until(wanted, (count) => count > 1, 'more are wanted')
  await killed()
  await ready('scaled', 3, 30_000)
  await until(running, (there) => there.length === 3, 'three containers run')
  const { whole } = await load.stop()

  await until(wanted, (count) => count < 3, 'fewer are wanted')
  await killed()
  await ready('scaled', 1, 30_000)
  await until(
    () => containers('scaled'),
    (there) => there.length === 1,
    'one container is left',
  )
  expect(await stream('scaled')).toBeUndefined()
  // Those that ran on its containers ended with it: it publishes their ports.
  expect(whole).toBeGreaterThan(6)
  const { decisions } = await system.control<ScalingAnswer>('GET', '/modelversions/scaled/scaling')
  expect(decisions.map(({ from }) => from)).toEqual([1, ...decisions.slice(0, -1).map((each) => each.wanted)])
  await remove('scaled')
})

describe('what cannot run says why', () => {
  test('no such image', async () => {
    await apply('absent', { source: { image: { name: '127.0.0.1:9/no/such:1', protocol: 'openai', port: 80 } } })
    const seen = await comes('absent', ({ state, message }) => state === 'Failed' && message !== undefined)
    expect(seen.message).toMatch(/no\/such/)
    expect((await chat('absent')).status).toBe(503)
    await remove('absent')
  })

  test('more memory than it may have; and one for which there is no room on this machine', async () => {
    await apply('greedy', {
      source: { engine: { kind: 'simulated', parameters: { memory: '600Mi' } } },
      runtime: 'docker',
      resources: { memory: '300Mi' },
    })
    const refused = await comes('greedy', ({ message }) => message?.includes('memory') === true, 60_000)
    expect(refused.message).toMatch(/Not enough memory: greedy \(parameters.memory\) needs 629 MB, and of 315 MB here/)
    await remove('greedy')
    // And one that takes it without asking.
    await apply('growing', {
      source: { image: { name: daemon.image, protocol: 'openai', port: 8080 } },
      ...{ resources: { memory: '128Mi' }, probes: { readiness: { path: '/health' } } },
    })
    await ready('growing')
    const [{ Ports }] = (await containers('growing')) as [Listed]
    await fetch(`http://127.0.0.1:${Ports.find(({ PublicPort }) => PublicPort)!.PublicPort}/oom`, { method: 'POST' })
    const outOfMemory = ({ changes }: InstanceStatus) =>
      changes.some(({ message }) => message?.includes('killed: out of memory (limit 128 MiB)'))
    const grown = await comes('growing', ({ instances }) => instances.ready === 1 && instances.list.some(outOfMemory))
    expect(stateOf(grown)[0]!.restarts).toBeGreaterThan(0)
    await remove('growing')
    await apply('giant', { source: engine, runtime: 'docker', resources: { memory: '900T' } })
    const giant = await comes('giant', ({ state }) => state === 'Failed')
    expect(giant.message).toMatch(/not enough memory: it needs 900 TB, and of .* too much/)
    expect(stateOf(giant)[0]).toMatchObject({ state: 'pending' })
    expect(await containers('giant')).toEqual([])
    await remove('giant')
  })

  test('a program that ends at once, and one that never serves', { timeout: 120_000 }, async () => {
    await apply('broken', { source: { image: { name: strataImage, protocol: 'openai', port: 80, args: ['no-such-command'] } } })
    const broken = await comes('broken', ({ state }) => state === 'Failed')
    expect(broken.message).toMatch(/exit code/)
    await remove('broken')
    await apply('mute', {
      source: { image: { name: daemon.image, protocol: 'oip', port: 80, args: ['/program.mjs'] } },
      probes: { startup: { timeout: '3s' } },
    }).catch((error: unknown) => expect(String(error)).toContain('task of Model'))
    await apply('mute', {
      source: { image: { name: daemon.image, protocol: 'openai', port: 8080 } },
      probes: { startup: { timeout: '3s' }, readiness: { path: '/nothing' } },
    })
    const mute = await comes('mute', ({ instances }) => instances.list.some(({ restarts }) => restarts > 0), 60_000)
    expect(
      stateOf(mute)[0]!
        .changes.map(({ message }) => message)
        .join(),
    ).toMatch(/it did not serve within 3s: it answers HTTP 404 to GET \/nothing/)
    await remove('mute')
  })
})

test('the system is stopped: its containers are told to end', async () => {
  await apply('last', { source: engine, runtime: 'docker' })
  await ready('last')
  await system.stop()
  await until(
    async () => (await containers('last')).filter(({ State }) => State === 'running'),
    (left) => left.length === 0,
    'none is left',
  )
})
