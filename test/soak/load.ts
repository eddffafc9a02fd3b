/**
 * What a day brings, in a small number of threads: answers whole and streamed, clients that leave at every stage, mistakes, refusals by limits,
 * engines that fail; and on the other side keys that come and go, routes that change, pages of the console that are opened and closed.
 */
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { KEPT_EVENTS } from '../../src/control/watch.ts'
import { ask } from '../chaos/answers.ts'
import type { System } from '../harness/system.ts'

export const manifests = `
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-v1 }
spec:
  model: assistant
  version: v1
  source: { engine: { kind: simulated, parameters: { timeToFirstToken: 5ms, tokensPerSecond: 400, answerTokens: 40, errorRate: 0.05 } } }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-v2 }
spec:
  model: assistant
  version: v2
  source: { engine: { kind: simulated, parameters: { timeToFirstToken: 5ms, tokensPerSecond: 400, answerTokens: 30 } } }
---
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: words }
spec: { task: embedding }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: words-v1 }
spec:
  model: words
  version: v1
  source: { engine: { kind: simulated, parameters: { timeToFirstToken: 2ms } } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec: { models: [assistant], targets: [{ version: assistant-v1, weight: 50 }, { version: assistant-v2, weight: 50 }] }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: words }
spec: { models: [words], targets: [{ version: words-v1 }] }
---
apiVersion: strata.dev/v1alpha1
kind: Limit
metadata: { name: few }
spec: { per: consumer, rules: [{ requests: 30, every: 1m }] }
---
apiVersion: strata.dev/v1alpha1
kind: Consumer
metadata: { name: limited }
spec: { limits: [few] }
`

export interface Load {
  /** Nothing is under way when it resolves. */
  pause(): Promise<void>
  resume(): void
  stop(): Promise<void>
  /** How many of each there were, and how they ended. */
  readonly counts: Record<string, number>
}

type Act = () => Promise<string>

const createKey = (system: System, name: string) => system.control<{ secret: string }>('POST', '/keys', { consumer: 'default', name })
const revokeKey = (system: System, name: string) => system.control('POST', `/keys/${name}/revoke`)
const deleteKey = (system: System, name: string) => system.control('DELETE', `/apikeys/${name}`)

function shiftWeights(system: System, weight: number): Promise<unknown> {
  const targets = [
    { version: 'assistant-v1', weight },
    { version: 'assistant-v2', weight: 100 - weight },
  ]
  const spec = { models: ['assistant'], targets }
  return system.control('PUT', '/routes/assistant', {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Route',
    metadata: { name: 'assistant' },
    spec,
  })
}

/**
 * The changes that the load makes, without its requests, until control has as many in memory as it keeps for watchers: from then on each new one
 * takes the place of an old one of its kind.
 */
export async function fillWithChanges(system: System): Promise<void> {
  const changesEach = 4
  let left = Math.ceil(KEPT_EVENTS / changesEach)
  const thread = async () => {
    for (; left > 0; ) {
      const turn = left--
      const name = `fill-${turn}`
      await createKey(system, name)
      await revokeKey(system, name)
      await deleteKey(system, name)
      await shiftWeights(system, turn % 101)
    }
  }
  await Promise.all(Array.from({ length: 4 }, thread))
}

export function startLoad(system: System, limitedKey: string): Load {
  const counts: Record<string, number> = {}
  const { gatewayUrl: url, apiKey: key } = system
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let changes = 0

  const chat = (stream: boolean, more: object = {}) => ({
    url,
    key,
    body: { model: 'assistant', stream, messages: [{ role: 'user', content: 'How long is the coast?' }], ...more },
  })
  const said = (promise: Promise<{ status: number }>) => promise.then(({ status }) => String(status))

  /** On a connection that is used again, which `ask` never does. */
  const keptAlive: Act = () =>
    new Promise((done) => {
      const sent = request(`${url}/v1/chat/completions`, {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      })
      sent.on('response', (response) => {
        response.resume()
        response.on('close', () => done(String(response.statusCode)))
      })
      sent.on('error', () => done('broken')) // the gateway may close it just then; so does a real one
      sent.end(JSON.stringify(chat(true).body))
    })
  /** A client that is gone before its request is whole. */
  const half: Act = () =>
    new Promise((done) => {
      const { hostname, port } = new URL(url)
      const socket = connect(Number(port), hostname, () => {
        socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-length: 500\r\n\r\n{"model`)
        setTimeout(() => socket.destroy(), 20)
      })
      socket.on('error', () => undefined)
      socket.on('close', () => done('left'))
    })
  const impatient: Act = async () => {
    const left = new AbortController()
    setTimeout(() => left.abort(), 2)
    return await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat(false).body),
      signal: left.signal,
    }).then(
      async (response) => {
        await response.text().catch(() => undefined)
        return String(response.status)
      },
      () => 'left',
    )
  }

  const requests: Record<string, Act> = {
    stream: () => said(ask(chat(true))),
    'kept alive': keptAlive,
    plain: () => said(ask(chat(false))),
    'left in the stream': () => said(ask({ ...chat(true), onPart: (text, leave) => text.length > 1_000 && leave() })),
    'left at the first byte': () => said(ask({ ...chat(true), onPart: (_text, leave) => leave() })),
    'left before an answer': impatient,
    'left in the request': half,
    embedding: () => said(ask({ url, key, path: '/v1/embeddings', body: { model: 'words', input: ['a', 'b c'] } })),
    'unknown model': () => said(ask(chat(false, { model: 'nobody' }))),
    'unknown key': () => said(ask({ ...chat(false), key: 'sk-wrong' })),
    'bad parameter': () => said(ask(chat(false, { temperature: 'hot' }))),
    limited: () => said(ask({ ...chat(false, { max_tokens: 2 }), key: limitedKey })),
    models: () => fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } }).then(drained),
    metrics: () => fetch(`${url}/metrics`).then(drained),
  }
  const control: Record<string, Act> = {
    /** A key lives for two requests and is gone. */
    key: async () => {
      const name = `soak-${++changes}`
      const { secret } = await createKey(system, name)
      const worked = await ask({ ...chat(false, { max_tokens: 2 }), key: secret })
      await revokeKey(system, name)
      const refused = await ask({ ...chat(false), key: secret })
      await deleteKey(system, name)
      return `${worked.status} ${refused.status}`
    },
    route: async () => {
      await shiftWeights(system, ++changes % 101)
      return 'applied'
    },
    token: async () => {
      const name = `soak-${++changes}`
      await system.control('POST', '/tokens', { name, role: 'viewer' })
      await system.control('DELETE', `/tokens/${name}`)
      return 'gone'
    },
    pages: async () => {
      for (const path of ['/status', '/routes', '/audit', '/usage/consumers', '/traffic', '/requests'])
        await fetch(`${system.consoleUrl}/api/v1alpha1${path}`, { headers: { authorization: `Bearer ${system.adminToken}` } }).then(drained)
      return 'read'
    },
    /** What the console keeps open while a page is looked at. */
    events: async () => {
      const closing = new AbortController()
      const headers = { authorization: `Bearer ${system.adminToken}`, accept: 'text/event-stream' }
      await Promise.all(
        ['/watch', '/traffic'].map(async (path) => {
          const { body } = await fetch(`${system.consoleUrl}/api/v1alpha1${path}`, { headers, signal: closing.signal })
          await body!.getReader().read()
        }),
      )
      closing.abort()
      return 'closed'
    },
    refused: () =>
      system.control('POST', '/apply', { documents: [{ kind: 'Nothing' }] }).then(
        () => 'applied',
        () => 'refused',
      ),
  }

  let paused: Promise<void> | undefined
  let wake: (() => void) | undefined
  let stopped = false
  let busy = 0
  const thread = async (acts: Record<string, Act>, first: number, everyMs: number) => {
    const names = Object.keys(acts)
    for (let i = first; !stopped; i++) {
      if (paused) await paused
      const name = names[i % names.length]!
      busy += 1
      const how = await acts[name]!().catch((error: unknown) => `failed: ${String(error)}`)
      busy -= 1
      counts[`${name}: ${how}`] = (counts[`${name}: ${how}`] ?? 0) + 1
      await sleep(everyMs)
    }
  }
  const threads = [
    ...Array.from({ length: 4 }, (_, i) => thread(requests, i * 4, 40)),
    ...Array.from({ length: 2 }, (_, i) => thread(control, i * 3, 60)),
  ]
  const idle = async () => {
    while (busy > 0) await sleep(10)
  }

  return {
    counts,
    async pause() {
      paused ??= new Promise((done) => {
        wake = done
      })
      await idle()
    },
    resume() {
      paused = undefined
      wake?.()
    },
    async stop() {
      stopped = true
      wake?.()
      await Promise.all(threads)
      agent.destroy()
    },
  }
}

async function drained(response: Response): Promise<string> {
  await response.text()
  return String(response.status)
}
