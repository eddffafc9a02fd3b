/** What the data plane promises while the rest of the system changes, leaves or dies. Real processes; looks at the engine, not at the client. */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { homeAt } from '../../src/kernel/home.ts'
import type { EngineLoad } from '../../src/serving/engines/config.ts'
import { defaultModel } from '../fixtures/weights.ts'
import { llamaAssistant, simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'

const systems: System[] = []
afterEach(async () => {
  for (const system of systems.splice(0)) await system.stop()
})

async function start(options: Parameters<typeof startSystem>[0]): Promise<System> {
  const system = await startSystem(options)
  systems.push(system)
  return system
}

function ask(system: System, body: Record<string, unknown> = {}, options: { key?: string; signal?: AbortSignal } = {}): Promise<Response> {
  return fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${options.key ?? system.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'assistant', messages: [{ role: 'user', content: 'Hello' }], ...body }),
    signal: options.signal,
  })
}

/** `/load` of the only engine, asked on its own socket. */
async function engineLoad(system: System): Promise<EngineLoad> {
  const engine = (await system.processes()).find(({ role }) => role === 'engine')!
  const socketPath = homeAt(system.home).socket(engine.name)
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/load' }, (res) => {
      let text = ''
      res.on('data', (part: Buffer) => {
        text += part
      })
      res.on('end', () => resolve(JSON.parse(text) as EngineLoad))
    })
      .on('error', reject)
      .end()
  })
}

describe('control is down', () => {
  it('fails no request of a minute under load, on two gateways, and a gateway that restarts meanwhile answers from its disk', async () => {
    const system = await start({ bootstrap: simulatedAssistant({ instances: 2 }), gateways: 2 })
    await sleep(1_000) // snapshots are kept on disk half a second after a change
    const control = (await system.processes()).find(({ name }) => name === 'control')!
    // A stopped process neither answers nor ends: the supervisor has nothing to restart, the gateways hear nothing.
    process.kill(control.pid!, 'SIGSTOP')
    const failures: string[] = []
    let answered = 0
    let stop = false
    const load = Array.from({ length: 4 }, async () => {
      while (!stop) {
        try {
          const res = await ask(system, { max_tokens: 8 })
          if (res.status !== 200) failures.push(`${res.status} ${await res.text()}`)
          else await res.json()
          answered += 1
        } catch (error) {
          failures.push(String((error as Error).cause ?? error))
        }
        await sleep(10)
      }
    })
    await sleep(60_000)
    stop = true
    await Promise.all(load)
    expect(failures).toEqual([])
    expect(answered).toBeGreaterThan(1_000)

    const before = await system.kill('gateway-1')
    await system.until((processes) => processes.some(({ name, state, pid }) => name === 'gateway-1' && state === 'ready' && pid !== before))
    for (let i = 0; i < 20; i++) expect((await ask(system, { max_tokens: 4 })).status).toBe(200)
    process.kill(control.pid!, 'SIGCONT')
    await expect
      .poll(async () => (await system.control<{ gateways: { status: string }[] }>('GET', '/status')).gateways.map(({ status }) => status), {
        timeout: 15_000,
      })
      .toEqual(['ack', 'ack'])
  })
})

describe('keys', () => {
  it('refuses a revoked key within a second on two gateways', async () => {
    const system = await start({ bootstrap: simulatedAssistant(), gateways: 2 })
    const { secret, key } = await system.control<{ secret: string; key: { metadata: { name: string } } }>('POST', '/keys', {
      consumer: 'default',
    })
    // Fresh connections land on either gateway.
    const statuses = async () =>
      Promise.all(Array.from({ length: 16 }, async () => (await ask(system, { max_tokens: 2 }, { key: secret })).status))
    await expect.poll(async () => new Set(await statuses()), { timeout: 5_000 }).toEqual(new Set([200]))
    const from = performance.now()
    await system.control('POST', `/keys/${key.metadata.name}/revoke`)
    const { gateways, snapshot } = await system.control<{
      gateways: { version: number; connected: boolean }[]
      snapshot: { version: number }
    }>('GET', '/status')
    expect(performance.now() - from).toBeLessThan(1_000)
    expect(gateways.map(({ version }) => version)).toEqual([snapshot.version, snapshot.version])
    expect(new Set(await statuses())).toEqual(new Set([401]))
  })
})

describe('a client that vanishes', () => {
  it('frees the engine in the middle of a stream, and in a long prefill', async () => {
    const system = await start({ bootstrap: llamaAssistant(await defaultModel(), { sequences: 1, contextSize: 4096 }) })
    const streaming = new AbortController()
    const res = await ask(
      system,
      { stream: true, max_tokens: 2_000, temperature: 1, messages: [{ role: 'user', content: 'Write a very long story.' }] },
      { signal: streaming.signal },
    )
    await res.body!.getReader().read()
    expect((await engineLoad(system)).running).toBe(1)
    streaming.abort()
    await expect.poll(async () => (await engineLoad(system)).running, { timeout: 2_000, interval: 20 }).toBe(0)

    const prefill = new AbortController()
    const long = 'the quick brown fox jumps over the lazy dog '.repeat(350)
    const pending = ask(system, { max_tokens: 4, messages: [{ role: 'user', content: long }] }, { signal: prefill.signal })
    await expect.poll(async () => (await engineLoad(system)).running, { timeout: 5_000, interval: 20 }).toBe(1)
    const from = performance.now()
    prefill.abort()
    await expect(pending).rejects.toThrow()
    await expect.poll(async () => (await engineLoad(system)).running, { timeout: 5_000, interval: 20 }).toBe(0)
    // The whole prompt takes many seconds; one slice of 128 tokens takes about one.
    expect(performance.now() - from).toBeLessThan(4_000)
    expect((await ask(system, { max_tokens: 2 })).status).toBe(200)
  })
})

describe('a killed engine', () => {
  it('cuts its streams in words, is back by itself, and requests wait for it', async () => {
    const system = await start({ bootstrap: simulatedAssistant({ parameters: '{ timeToFirstToken: 5ms, tokensPerSecond: 20 }' }) })
    const res = await ask(system, { stream: true, max_tokens: 500 })
    const reader = res.body!.pipeThrough(new TextDecoderStream()).getReader()
    await reader.read()
    const engine = (await system.processes()).find(({ role }) => role === 'engine')!
    await system.kill(engine.name)
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value
    expect(text).toContain('"code":"stream_cut"')
    expect(text).not.toContain('[DONE]')
    expect((await ask(system, { max_tokens: 2 })).status).toBe(200)
  })
})
