/** An instance as control asks it: does it serve, does it live, how busy is it; and a request to warm it up. */
import { type Dispatcher, Pool } from 'undici'
import { messageOf, systemCode } from '../../kernel/errors.ts'
import { readSecret } from '../../kernel/secrets.ts'
import type { Signature } from '../../resources/model-version.ts'
import { type Backend, type BackendLoad, connectBackend, standingOf, type UsedModel } from '../backends/index.ts'
import type { EngineHealth, EngineLoad } from '../engines/config.ts'
import type { InstanceAddress } from '../runtimes/port.ts'
import type { Instance } from './identity.ts'
import type { Found } from './lifecycle.ts'

export type InstanceLoad = BackendLoad & Partial<EngineLoad>

export interface Answered extends Found {
  readonly load?: InstanceLoad
  /** Extensions of its protocol that it announces. */
  readonly extensions?: readonly string[]
}

export interface InstanceClient {
  /** Never throws: whatever goes wrong is what was found. `path`: asked by GET in place of its own question. */
  ready(timeoutMs: number, path?: string): Promise<Answered>
  alive(timeoutMs: number, path?: string): Promise<boolean>
  /** Throws, in words, what keeps it from an answer that is a success. */
  ask(path: string, body: unknown, timeoutMs: number): Promise<void>
  /** What goes in and comes out, where it says that. */
  describe(): Promise<Signature | undefined>
  close(): Promise<void>
}

const DESCRIBE_MS = 5_000
const SHOWN = 300
const MOST_BYTES = 64 * 1024

export function connectInstance(instance: Instance, address: InstanceAddress): InstanceClient {
  const { speech } = instance
  const origin = 'socketPath' in address ? 'http://instance' : `http://${address.host}:${address.port}`
  const pool = new Pool(origin, { connections: 2, ...('socketPath' in address ? { socketPath: address.socketPath } : {}) })
  const closing = new AbortController()
  const within = (timeoutMs: number) => AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)])
  const bearer = speech.type === 'image' ? speech.bearer : undefined

  const send = async (method: 'GET' | 'POST', path: string, timeoutMs: number, body?: unknown) => {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (bearer) headers.authorization = `Bearer ${readSecret(bearer)}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const options: Dispatcher.RequestOptions = { method, path, headers, signal: within(timeoutMs) }
    const answer = await pool.request(body === undefined ? options : { ...options, body: JSON.stringify(body) })
    return { status: answer.statusCode, text: await startOf(answer.body) }
  }
  const get = async (path: string, timeoutMs: number): Promise<Found> => {
    try {
      const { status } = await send('GET', path, timeoutMs)
      const ready = status >= 200 && status < 400
      return { reachable: true, ready, ...(ready ? {} : { message: `it answers HTTP ${status} to GET ${path}` }) }
    } catch (error) {
      return { reachable: false, ready: false, message: whyNot(error, timeoutMs) }
    }
  }
  const question = speech.type === 'engine' ? engineQuestion(send) : serverQuestion(speech, `${origin}${speech.path}`, within)

  return {
    async ready(timeoutMs, path) {
      if (path === undefined) return question.ready(timeoutMs)
      // How busy it is, its own question alone tells.
      const [found, { load, extensions }] = await Promise.all([get(path, timeoutMs), question.ready(timeoutMs)])
      return { ...found, ...(load ? { load } : {}), ...(extensions ? { extensions } : {}) }
    },
    async alive(timeoutMs, path) {
      const found = path === undefined ? await question.ready(timeoutMs) : await get(path, timeoutMs)
      return path === undefined ? found.reachable : found.ready
    },
    async ask(path, body, timeoutMs) {
      let answer: { status: number; text: string }
      try {
        answer = await send('POST', path, timeoutMs, body)
      } catch (error) {
        throw new Error(`POST ${path}: ${whyNot(error, timeoutMs)}`, { cause: error })
      }
      if (answer.status >= 300) throw new Error(`HTTP ${answer.status} to POST ${path}: ${answer.text.slice(0, SHOWN)}`)
    },
    describe: () => question.describe(),
    async close() {
      closing.abort(new Error('the instance is gone'))
      await pool.destroy()
    },
  }
}

/** The beginning of a body; the rest is nobody's. */
async function startOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part)
    bytes += part.length
    if (bytes > MOST_BYTES) break
  }
  return Buffer.concat(parts).toString('utf8')
}

interface Question {
  ready(timeoutMs: number): Promise<Answered>
  describe(): Promise<Signature | undefined>
}

function engineQuestion(send: (method: 'GET', path: string, timeoutMs: number) => Promise<{ status: number; text: string }>): Question {
  return {
    async ready(timeoutMs) {
      try {
        const [health, load] = await Promise.all([send('GET', '/health', timeoutMs), send('GET', '/load', timeoutMs)])
        const { status, message, error } = JSON.parse(health.text) as EngineHealth & { readonly error?: { readonly code?: string } }
        // It has as many connections as it may have, and answers on those: full, and well.
        if (error?.code === 'too_many_connections') return { reachable: true, ready: true }
        const said = message ?? (status === 'loading' ? undefined : status)
        const told = load.status === 200 ? { load: loadOf(JSON.parse(load.text) as EngineLoad) } : {}
        if (status === 'ready') return { reachable: true, ready: true, ...told }
        return { reachable: true, ready: false, ...told, ...(said === undefined ? {} : { message: said }) }
      } catch (error) {
        return { reachable: false, ready: false, message: whyNot(error, timeoutMs) }
      }
    },
    describe: async () => undefined,
  }
}

const loadOf = (load: EngineLoad): InstanceLoad => ({
  ...load,
  cacheUsed: load.kvTotalTokens > 0 ? load.kvUsedTokens / load.kvTotalTokens : 0,
})

function serverQuestion(
  { protocol, model, version, bearer }: Extract<Instance['speech'], { type: 'image' }>,
  address: string,
  within: (timeoutMs: number) => AbortSignal,
): Question {
  const server: Backend = connectBackend({ protocol, address, ...(bearer ? { credentials: { bearer } } : {}) })
  const used: UsedModel = { model, ...(version === undefined ? {} : { version }) }
  return {
    async ready(timeoutMs) {
      const probe = await server.probe(within(timeoutMs), [used])
      const { state, message } = standingOf(probe, used)
      const { reachable, load, extensions } = probe
      return {
        reachable,
        ready: state === 'Ready',
        ...(message === undefined ? {} : { message }),
        ...(load ? { load } : {}),
        ...(extensions ? { extensions } : {}),
      }
    },
    describe: async () => server.describe?.(used, within(DESCRIBE_MS)),
  }
}

function whyNot(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `it has not answered within ${timeoutMs / 1000} s`
  const code = systemCode(error)
  return code === 'ECONNREFUSED' || code === 'ENOENT' ? 'nobody listens there' : messageOf(error)
}

/** Where a request that warms it up goes, when it does not say so. */
export function warmupPath({ speech, task }: Pick<Instance, 'speech' | 'task'>): string {
  const base = speech.type === 'engine' ? '/v1' : speech.path
  if (speech.type === 'engine' || speech.protocol === 'openai')
    return `${base}${task === 'embedding' ? '/embeddings' : task === 'completion' ? '/completions' : '/chat/completions'}`
  const model = encodeURIComponent(speech.model)
  const version = speech.version === undefined ? undefined : encodeURIComponent(speech.version)
  switch (speech.protocol) {
    case 'oip':
      return `${base}/v2/models/${model}${version === undefined ? '' : `/versions/${version}`}/infer`
    case 'tensorflow-serving':
      return `${base}/v1/models/${model}${version === undefined ? '' : `/versions/${version}`}:predict`
    case 'torchserve':
      return `${base}/predictions/${model}${version === undefined ? '' : `/${version}`}`
    default:
      return speech.protocol satisfies never
  }
}
