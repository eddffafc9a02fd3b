/**
 * A gateway in this process, fed by the real snapshot feed, in front of upstreams that a test scripts: what a broken upstream does cannot
 * be had from a real one on demand.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { createSnapshotFeed, type SnapshotFeed } from '../../src/control/feed/index.ts'
import { type GatewayOptions, type RunningGateway, startGateway } from '../../src/gateway/main.ts'
import { type Home, homeAt, makeHome } from '../../src/kernel/home.ts'
import { sha256Hex } from '../../src/kernel/ids.ts'
import { createLog, type Log } from '../../src/kernel/log.ts'
import { type FinishedRecord, type RequestRecord, requestRecord } from '../../src/monitoring/request-records.ts'
import {
  type CompiledConsumer,
  type CompiledInstance,
  type CompiledKey,
  type CompiledLimit,
  type CompiledRoute,
  type CompiledVersion,
  entryKey,
  type SnapshotEntry,
} from '../../src/resources/snapshot.ts'

export const API_KEY = 'sk-test-0123456789abcdef'
const FEED_TOKEN = 'feed-token-for-tests'

export const quietLog: Log = createLog('test', () => undefined)

export type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void

/** A scripted upstream on a free loopback port. */
export async function upstream(handler: Handler): Promise<{ port: number; server: Server; calls: () => number; close(): Promise<void> }> {
  let calls = 0
  const server = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8')
    req.on('data', (part: string) => {
      body += part
    })
    req.on('end', () => {
      calls += 1
      handler(req, res, body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    server,
    calls: () => calls,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** One event of a streamed chat answer. */
export function chunk(content: string): string {
  return `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
}

/** Ends a stream as an engine does. */
export function ending(promptTokens: number, completionTokens: number): string {
  return `: strata-usage ${JSON.stringify({ prompt_tokens: promptTokens, completion_tokens: completionTokens, cached_tokens: 0 })}\n\ndata: [DONE]\n\n`
}

/** Answers every chat request with `words`, streamed or plain. */
export const talk =
  (words: string[], pauseMs = 0): Handler =>
  async (_req, res, body) => {
    const request = JSON.parse(body) as { stream?: boolean; model: string }
    if (!request.stream) {
      const usage = { prompt_tokens: 7, completion_tokens: words.length, total_tokens: 7 + words.length }
      res.writeHead(200, { 'content-type': 'application/json', 'x-strata-usage': JSON.stringify(usage) })
      res.end(
        JSON.stringify({
          object: 'chat.completion',
          model: request.model,
          choices: [{ index: 0, message: { role: 'assistant', content: words.join('') }, finish_reason: 'stop' }],
          usage,
        }),
      )
      return
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const word of words) {
      if (res.destroyed) return
      res.write(chunk(word))
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    res.end(ending(7, words.length))
  }

export const route = (over: Partial<CompiledRoute> = {}): CompiledRoute => ({
  kind: 'route',
  name: 'assistant',
  namespace: 'default',
  generation: 1,
  models: ['assistant'],
  targets: [{ version: 'assistant-v1', weight: 100 }],
  decidedBy: 'spec',
  stickyBy: { else: 'random' },
  salt: 'salt',
  fallbacks: [],
  timeouts: { connect: 500, firstByte: 5_000, idle: 5_000, total: 30_000 },
  retries: { attempts: 1, on: ['connect', 'unavailable'] },
  limits: [],
  ...over,
})

export const version = (over: Partial<CompiledVersion> = {}): CompiledVersion => ({
  kind: 'version',
  name: 'assistant-v1',
  namespace: 'default',
  model: 'assistant',
  version: 'v1',
  task: 'chat',
  uid: 'uid-v1',
  generation: 1,
  source: { type: 'engine', simulated: false },
  created: 1_700_000_000,
  ...over,
})

export const instance = (port: number, over: Partial<CompiledInstance> = {}): CompiledInstance => ({
  kind: 'instance',
  id: `instance-${port}`,
  version: 'assistant-v1',
  namespace: 'default',
  address: { host: '127.0.0.1', port },
  state: 'ready',
  run: 0,
  sequences: 4,
  maxWaiting: 8,
  simulated: false,
  ...over,
})

export const consumer = (over: Partial<CompiledConsumer> = {}): CompiledConsumer => ({
  kind: 'consumer',
  name: 'shop',
  namespace: 'default',
  models: ['*'],
  pinVersions: true,
  priority: 'standard',
  limits: [],
  ...over,
})

export const key = (over: Partial<CompiledKey> = {}): CompiledKey => ({
  kind: 'key',
  name: 'shop-1',
  namespace: 'default',
  consumer: 'shop',
  ...over,
})

export function entriesOf(
  ...values: (CompiledRoute | CompiledVersion | CompiledInstance | CompiledConsumer | CompiledLimit)[]
): Map<string, SnapshotEntry> {
  const entries = new Map<string, SnapshotEntry>()
  for (const value of values)
    entries.set(value.kind === 'instance' ? entryKey.instance(value.id) : entryKey[value.kind](value.namespace, value.name), value)
  return entries
}

export interface TestGateway {
  readonly url: string
  readonly home: Home
  readonly feed: SnapshotFeed
  readonly gateway: RunningGateway
  post(body: unknown, headers?: Record<string, string>, path?: string): Promise<Response>
  /** Restarts the control end of the feed, as a restarted control would. */
  stopControl(): Promise<void>
  close(): Promise<void>
}

/** A gateway with `entries`, the consumer "shop" and its key `API_KEY`, unless `entries` say otherwise. */
export async function testGateway(entries: Map<string, SnapshotEntry>, options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const home = homeAt(mkdtempSync(join(tmpdir(), 'strata-gateway-')))
  makeHome(home)
  const feed = createSnapshotFeed({ feedToken: FEED_TOKEN, gateways: 1, log: quietLog })
  const control = createServer((req, res) => feed.handle(req, res))
  await new Promise<void>((resolve) => control.listen(home.socket('control'), resolve))
  const all = new Map<string, SnapshotEntry>([
    [entryKey.consumer('default', 'shop'), consumer()],
    [entryKey.key(sha256Hex(API_KEY)), key()],
    ...entries,
  ])
  feed.load(all)
  const gateway = await startGateway(
    { id: 'gateway-0', host: '127.0.0.1', port: 0, gateways: 1, coldWaitMs: 300, ...options },
    home,
    FEED_TOKEN,
    quietLog,
  )
  await gateway.ready
  const url = `http://127.0.0.1:${gateway.port}`
  const stopControl = async () => {
    feed.close()
    control.closeAllConnections()
    await new Promise<void>((resolve) => control.close(() => resolve()))
  }
  return {
    url,
    home,
    feed,
    gateway,
    post: (body, headers = {}, path = '/v1/chat/completions') =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stopControl,
    async close() {
      await gateway.drain(1_000)
      if (control.listening) await stopControl()
      rmSync(home.root, { recursive: true, force: true })
    },
  }
}

/** What is on its disk by now. */
export function recordsOf(gateway: TestGateway): RequestRecord[] {
  const folder = join(gateway.home.records, 'gateway-0')
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter(Boolean)
    .map((line) => requestRecord.parse(JSON.parse(line)))
}

/** Settles with the `finished` ones when there are so many on its disk, the first one first. */
export async function finished(gateway: TestGateway, count: number): Promise<FinishedRecord[]> {
  const all = () => recordsOf(gateway).filter((record) => record.type === 'finished')
  await expect.poll(() => all().length, { interval: 20, timeout: 5_000 }).toBe(count)
  return all()
}

export const hello = (over: Record<string, unknown> = {}) => ({
  model: 'assistant',
  messages: [{ role: 'user', content: 'Hello' }],
  ...over,
})

/** For one test: closed when it has ended. */
export async function up(handler: Handler): ReturnType<typeof upstream> {
  const server = await upstream(handler)
  onTestFinished(server.close)
  return server
}

/** For one test: closed when it has ended. */
export async function start(entries = new Map<string, SnapshotEntry>(), options?: Partial<GatewayOptions>): Promise<TestGateway> {
  const gateway = await testGateway(entries, options)
  onTestFinished(gateway.close)
  return gateway
}
