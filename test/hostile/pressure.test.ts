/**
 * Clients that take their time, that say nothing, or that are gone at once, at a whole system. Each has a budget of time and of size; beside them others
 * are served; an engine stops writing when nobody reads; and when they have gone, nothing of them is left in any process.
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { homeAt } from '../../src/kernel/home.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { type Inspected, inspect, type Sample } from '../soak/inspect.ts'
import { trendOf } from '../soak/trend.ts'
import { comeAndGo, errorIn, idle, type Said, sendSlowly } from './raw.ts'
import { type Door, get, lengthOf, post, withBody } from './requests.ts'

/** A head must be there after 15 s, a whole request after 60; looked at every second or two. */
const HEAD_MS = 15_000
const REQUEST_MS = 60_000
const LATE_MS = 8_000
/** Control's window of traffic, and what it takes to let go of its oldest second. */
const WINDOW_MS = 70_000

let system: System
let slow: Record<'head' | 'body' | 'chunks' | 'control head' | 'control body', Promise<Said>>
let engine: string
let stalled: Promise<{ ms: number; bytes: number }>

const portOf = (url: string) => Number(new URL(url).port)
const gatewayDoor = (): Door => ({
  authorization: `Bearer ${system.apiKey}`,
  path: '/v1/chat/completions',
  body: JSON.stringify({ model: 'assistant', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 }),
  readPath: '/health/live',
})
const controlDoor = (): Door => ({
  authorization: `Bearer ${system.adminToken}`,
  path: '/api/v1alpha1/apply',
  body: JSON.stringify({ documents: [], dryRun: true }),
  readPath: '/api/docs',
})
const endless = () => ({
  ...gatewayDoor(),
  body: JSON.stringify({ ...JSON.parse(gatewayDoor().body), stream: true, n: 4, max_tokens: 100_000 }),
})

beforeAll(async () => {
  const parameters =
    '{ timeToFirstToken: 1ms, tokensPerSecond: 2000, contextSize: 1000000, answerTokens: 100000, sequences: 32, maxWaiting: 1024 }'
  system = await startSystem({ bootstrap: simulatedAssistant({ parameters }), env: { NODE_OPTIONS: '--inspect-port=0' } })
  engine = (await system.processes()).find(({ role }) => role === 'engine')!.name
  const [gateway, control] = [portOf(system.gatewayUrl), portOf(system.consoleUrl)]
  const forEver = function* (beginning: string, piece: string) {
    yield beginning
    for (;;) yield piece
  }
  const patience = REQUEST_MS + LATE_MS
  const long = ['Content-Length: 1000000']
  slow = {
    head: sendSlowly(gateway, forEver('GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'a'), 250, HEAD_MS + LATE_MS),
    body: sendSlowly(gateway, forEver(post(gatewayDoor(), long, ''), 'aaaa'), 250, patience),
    chunks: sendSlowly(gateway, forEver(post(gatewayDoor(), ['Transfer-Encoding: chunked'], ''), '1\r\na\r\n'), 250, patience),
    'control head': sendSlowly(control, forEver('GET /api/docs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', 'a'), 250, HEAD_MS + LATE_MS),
    'control body': sendSlowly(control, forEver(post(controlDoor(), long, ''), 'aaaa'), 250, patience),
  }
  stalled = readNothing(gateway, withBody(endless(), endless().body), patience + 10_000)
})
afterAll(() => system?.stop())

/** Reads the first bytes of an answer, then nothing, until the peer has closed: how long that took, and what had been sent by then. */
function readNothing(port: number, bytes: string, patienceMs: number): Promise<{ ms: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let count = 0
    socket.once('data', (chunk: Buffer) => {
      count += chunk.length
      socket.pause()
      // What the peer has done to a socket that is not read is only seen by writing to it.
      const probe = setInterval(() => {
        socket.write('\r\n')
        if (performance.now() - started > patienceMs) {
          clearInterval(probe)
          socket.destroy()
          reject(new Error(`still open after ${patienceMs} ms`))
        }
      }, 500)
      socket.on('error', () => undefined) // `close` tells it
      socket.on('close', () => {
        clearInterval(probe)
        resolve({ ms: performance.now() - started, bytes: count })
      })
    })
  })
}

async function ask(): Promise<number> {
  const { authorization, path, body } = gatewayDoor()
  const headers = { authorization, 'content-type': 'application/json' }
  const response = await fetch(`${system.gatewayUrl}${path}`, { method: 'POST', headers, body, signal: AbortSignal.timeout(20_000) })
  await response.arrayBuffer()
  return response.status
}

/** A figure of the engine's own metrics. */
function engineFigure(name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: homeAt(system.home).socket(engine), path: '/metrics', timeout: 5_000 }, (response) => {
      let text = ''
      response.on('data', (part) => (text += part))
      response.on('end', () => resolve(Number(new RegExp(`^\\S*${name}\\S* (\\S+)$`, 'm').exec(text)?.[1])))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** The figure when it has not changed for a while. */
async function settled(name: string): Promise<number> {
  let last = await engineFigure(name)
  for (let since = performance.now(), end = since + 30_000; performance.now() < end; ) {
    await sleep(200)
    const now = await engineFigure(name)
    if (now === last && performance.now() - since > 2_000) return now
    if (now !== last) since = performance.now()
    last = now
  }
  throw new Error(`${name} never stands still: ${last}`)
}

describe('beside slow clients', () => {
  it('an engine writes no further than the network holds when nobody reads, and goes on when somebody does', async () => {
    const socket = connect(portOf(system.gatewayUrl), '127.0.0.1', () => socket.write(withBody(endless(), endless().body)))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    const written = await settled('completion_tokens_total')
    expect(written).toBeGreaterThan(1_000)
    // Two such clients, four answers of 100,000 tokens each.
    expect(written).toBeLessThan(400_000)
    let read = 0
    socket.on('data', (chunk: Buffer) => (read += chunk.length))
    socket.resume()
    while ((await engineFigure('completion_tokens_total')) < written + 10_000) await sleep(50)
    socket.pause()
    const more = await settled('completion_tokens_total')
    expect(more).toBeGreaterThan(written)
    expect(read).toBeGreaterThan(1_000_000)
    socket.destroy()
    // The other client that reads nothing is still there.
    while ((await engineFigure('running')) > 4) await sleep(50)
  })

  it('200 connections that say nothing, or half a head, take nobody’s place', async () => {
    for (const [url, door] of [
      [system.gatewayUrl, gatewayDoor()],
      [system.consoleUrl, controlDoor()],
    ] as const) {
      const sockets = await idle(portOf(url), 200)
      for (const [i, socket] of sockets.entries()) if (i % 2 === 0) socket.write(get(door).slice(0, 10 + (i % 20)))
      const answers = await Promise.all(Array.from({ length: 40 }, ask))
      expect(answers).toEqual(answers.map(() => 200))
      await system.control('GET', '/status')
      for (const socket of sockets) socket.destroy()
    }
  })
})

describe('slow clients, in the end', () => {
  it.each([
    ['head', HEAD_MS],
    ['body', REQUEST_MS],
    ['chunks', REQUEST_MS],
    ['control head', HEAD_MS],
    ['control body', REQUEST_MS],
  ] as const)('%s: told so and closed', { timeout: REQUEST_MS * 2 }, async (which, budget) => {
    const { statuses, closed, ms, text } = await slow[which]
    expect([closed, statuses]).toEqual([true, [408]])
    expect(errorIn(text)).toMatchObject({ message: expect.stringContaining('in time') })
    expect(ms).toBeGreaterThan(budget - 2_000)
    expect(ms).toBeLessThan(budget + LATE_MS)
  })

  it('a reader that reads nothing is gone after a minute, and the engine is free', { timeout: REQUEST_MS * 2 }, async () => {
    const { ms } = await stalled
    expect(ms).toBeGreaterThan(REQUEST_MS - 2_000)
    for (let end = performance.now() + 10_000; (await engineFigure('running')) > 0; await sleep(100))
      expect(performance.now()).toBeLessThan(end)
  })
})

describe('1,000 clients that are gone at once, ten times', () => {
  it('leave nothing behind in any process', { timeout: 300_000 }, async () => {
    const { logs } = homeAt(system.home)
    const watched = new Map<string, { inspected: Inspected; samples: Sample[] }>()
    for (const { name, pid } of await system.processes())
      watched.set(name, { inspected: await inspect(pid!, () => readFileSync(join(logs, `${name}.log`), 'utf8')), samples: [] })
    const round = async () => {
      const asks = withBody(gatewayDoor(), gatewayDoor().body)
      const long = JSON.stringify({ ...JSON.parse(gatewayDoor().body), stream: true, n: 2, max_tokens: 500 })
      const streams = withBody(gatewayDoor(), long)
      const [gateway, control] = [portOf(system.gatewayUrl), portOf(system.consoleUrl)]
      // At once, in the middle of a head, of a body, and while the answer comes.
      await comeAndGo(gateway, asks, 400)
      await comeAndGo(gateway, asks.slice(0, 60), 200)
      await comeAndGo(gateway, asks.slice(0, -5), 100)
      await comeAndGo(gateway, streams, 100)
      await comeAndGo(control, withBody(controlDoor(), controlDoor().body), 150)
      await comeAndGo(control, post(controlDoor(), [lengthOf(controlDoor().body)], '{'), 50)
      await Promise.all(Array.from({ length: 8 }, ask))
    }
    // Until what is compiled once has been, and what is bounded is full: control keeps the traffic of the last minute.
    for (const end = performance.now() + WINDOW_MS; performance.now() < end; await sleep(500)) await round()
    for (let i = 0; i < 10; i++) {
      await round()
      await sleep(500)
      for (const { inspected, samples } of watched.values()) samples.push(await inspected.sample())
    }
    const rounds = Array.from({ length: 10 }, (_, i) => i)
    const grown: string[] = []
    for (const [name, { inspected, samples }] of watched) {
      inspected.close()
      const bytes = trendOf(
        rounds,
        samples.map((sample) => sample.bytes),
      )
      const handles = samples.map(({ resources }) => Object.values(resources).reduce((a, b) => a + b, 0))
      const line = `${name}: ${samples.map((sample) => Math.round(sample.bytes / 1024)).join(' ')} KB; handles ${handles.join(' ')}`
      console.log(line)
      // Fifty bytes for each client that came, with a confidence of 99.9 %: no object is that small.
      if (bytes.least > 0 && bytes.slope > 50 * 1_000) grown.push(line)
      if (trendOf(rounds, handles).least > 0) grown.push(line)
    }
    expect(grown).toEqual([])
    expect(await ask()).toBe(200)
  })
})

it('nothing was restarted', async () => {
  for (const { name, restarts } of await system.processes()) expect([name, restarts]).toEqual([name, 0])
})
