/**
 * The dozen calls of the Docker Engine API that the runtime needs, over the daemon's Unix socket.
 *
 * Not dockerode: it brings 66 packages (gRPC, protobuf and SSH for builds and remote daemons), three of them with install scripts, and what is
 * used of it would be these lines. The version is the daemon's own, up to the newest that these calls were written for.
 *
 * Errors are StrataErrors: `docker_away` where the daemon cannot be asked, `docker_refused` with its own words and `details.status` otherwise.
 */
import { Pool } from 'undici'
import type { z } from 'zod'
import { messageOf, StrataError, systemCode } from '../../../kernel/errors.ts'
import { containerEvent, inspectedContainer, listedContainers, pullLine } from './shapes.ts'

const OLDEST_VERSION = [1, 41] as const
const NEWEST_VERSION = [1, 51] as const
const TIMEOUT_MS = 15_000
/** What works on disks and devices: making, starting and removing a container. */
const WORK_TIMEOUT_MS = 120_000
const MOST_BYTES = 32 * 1024 * 1024
const EVENTS = ['create', 'start', 'die', 'oom', 'stop', 'kill', 'destroy', 'rename', 'pause', 'unpause']

interface Call {
  readonly body?: unknown
  readonly query?: Readonly<Record<string, string | number>>
  /** Milliseconds to the end of the answer; 0: as long as it takes. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Besides 2xx: nothing to do, or nothing there. */
  readonly fine?: readonly number[]
}

export type DockerEngine = ReturnType<typeof connectDocker>

/** Connects when it is first asked. `signal`: ends all calls. */
export function connectDocker(socketPath: string, signal: AbortSignal) {
  const pool = new Pool('http://docker', { connect: { socketPath }, connections: null, headersTimeout: 0, bodyTimeout: 0 })
  let version: Promise<string> | undefined

  const send = async (method: 'GET' | 'POST' | 'DELETE', path: string, call: Call) => {
    const { body, query = {}, timeoutMs = TIMEOUT_MS } = call
    const signals = [signal, ...(call.signal ? [call.signal] : []), ...(timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : [])]
    try {
      return await pool.request({
        method,
        path,
        query,
        signal: AbortSignal.any(signals),
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
      })
    } catch (error) {
      signal.throwIfAborted()
      call.signal?.throwIfAborted()
      version = undefined // whoever answers next may be another daemon
      throw away(socketPath, error, timeoutMs)
    }
  }
  const negotiated = (): Promise<string> => {
    version ??= negotiate().catch((error: unknown) => {
      version = undefined
      throw error
    })
    return version
  }
  const negotiate = async () => {
    const { headers, body } = await send('GET', '/_ping', {})
    await body.dump()
    const own = String(headers['api-version'] ?? '')
      .split('.')
      .map(Number)
    if (!isAtLeast(own, OLDEST_VERSION))
      throw new StrataError('docker_too_old', `The Docker daemon at ${socketPath} speaks API version ${own.join('.') || 'unknown'}.`, {
        advice: `Version ${OLDEST_VERSION.join('.')} (Docker 20.10) or later is needed.`,
      })
    return (isAtLeast(own, NEWEST_VERSION) ? NEWEST_VERSION : own).join('.')
  }
  /** The body of an answer that is fine. */
  const stream = async (method: 'GET' | 'POST' | 'DELETE', path: string, call: Call = {}) => {
    const { statusCode: status, body } = await send(method, `/v${await negotiated()}${path}`, call)
    if ((status >= 200 && status < 300) || call.fine?.includes(status)) return { status, body }
    const text = await readText(body).catch(messageOf)
    throw new StrataError('docker_refused', wordsOf(text) || `Docker answers HTTP ${status}`, { details: { status } })
  }
  const read = async (method: 'GET' | 'POST' | 'DELETE', path: string, call: Call = {}) => {
    const { status, body } = await stream(method, path, call)
    try {
      return { status, text: await readText(body) }
    } catch (error) {
      signal.throwIfAborted()
      call.signal?.throwIfAborted()
      throw away(socketPath, error, call.timeoutMs ?? TIMEOUT_MS)
    }
  }
  const work = async (method: 'POST' | 'DELETE', path: string, call: Call = {}) => {
    await read(method, path, { timeoutMs: WORK_TIMEOUT_MS, ...call })
  }

  return {
    /** Those with this label, ended ones too. */
    containers: async (label: string) =>
      parse(
        listedContainers,
        (await read('GET', '/containers/json', { query: { all: 1, filters: JSON.stringify({ label: [label] }) } })).text,
      ),
    inspect: async (id: string) => {
      const { status, text } = await read('GET', `/containers/${id}/json`, { fine: [404] })
      return status === 404 ? undefined : parse(inspectedContainer, text)
    },
    create: async (name: string, body: object): Promise<string> => {
      const { text } = await read('POST', '/containers/create', { body, query: { name }, timeoutMs: WORK_TIMEOUT_MS })
      return (JSON.parse(text) as { Id: string }).Id
    },
    start: (id: string) => work('POST', `/containers/${id}/start`, { fine: [304] }),
    rename: (id: string, name: string) => work('POST', `/containers/${id}/rename`, { query: { name }, fine: [404] }),
    /** SIGTERM, and SIGKILL after so many seconds, by the daemon, which goes on with it when nobody waits any more. Resolves when it has ended. */
    stop: (id: string, seconds: number) =>
      work('POST', `/containers/${id}/stop`, { query: { t: seconds }, fine: [304, 404], timeoutMs: 0 }),
    /** Resolves when it has ended. Docker takes it for somebody's will, and starts it again only when it is told to. */
    kill: (id: string) => work('POST', `/containers/${id}/kill`, { query: { signal: 'SIGKILL' }, fine: [404, 409] }),
    /** With its anonymous volumes. 409: it is being removed. */
    remove: (id: string) => work('DELETE', `/containers/${id}`, { query: { force: 1, v: 1 }, fine: [404, 409] }),
    hasImage: async (image: string) => (await read('GET', `/images/${image}/json`, { fine: [404] })).status !== 404,
    /** Goes on for as long as it is read. What fails after it has begun stands in a line. */
    pull: async (image: string, pulling: AbortSignal) => {
      const query = imageQuery(image)
      return jsonLines(pullLine, (await stream('POST', '/images/create', { query, signal: pulling, timeoutMs: 0 })).body)
    },
    /** Frames of stdout and stderr (`log-frames.ts`). */
    logs: async (id: string, lines: number): Promise<AsyncIterable<Buffer>> =>
      (await stream('GET', `/containers/${id}/logs`, { query: { stdout: 1, stderr: 1, tail: lines }, timeoutMs: WORK_TIMEOUT_MS })).body,
    /** Of containers with this label, from that second on, for as long as the daemon lives. It knows the last 256 of the past. */
    events: async (label: string, since: number) => {
      const filters = JSON.stringify({ type: ['container'], label: [label], event: EVENTS })
      return jsonLines(containerEvent, (await stream('GET', '/events', { query: { since, filters }, timeoutMs: 0 })).body)
    },
    close: () => pool.destroy(),
  }
}

/** `fromImage` and `tag` of an image's name; without a tag Docker would fetch all that there are. */
export function imageQuery(image: string): { fromImage: string; tag?: string } {
  if (image.includes('@')) return { fromImage: image }
  const colon = image.lastIndexOf(':')
  if (colon > image.lastIndexOf('/')) return { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) }
  return { fromImage: image, tag: 'latest' }
}

function away(socketPath: string, error: unknown, timeoutMs: number): StrataError {
  const code = systemCode(error)
  const [reason, advice] =
    error instanceof Error && error.name === 'TimeoutError'
      ? [`it has not answered within ${timeoutMs / 1000} s`, 'Restart it if it hangs.']
      : code === 'EACCES'
        ? ['permission denied', 'Add the user that runs Strata to the group "docker", or run a rootless daemon.']
        : [
            code === 'ENOENT' ? 'no such socket' : code === 'ECONNREFUSED' ? 'nobody listens there' : messageOf(error),
            'Start Docker, or name its socket by DOCKER_HOST.',
          ]
  return new StrataError('docker_away', `Docker does not answer at ${socketPath}: ${reason}.`, {
    advice: `${advice} Containers that run go on.`,
    cause: error,
  })
}

function isAtLeast(version: readonly number[], [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new Error(`its answer is longer than ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Docker's errors are `{"message": "…"}`. */
function wordsOf(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message ?? text)
  } catch {
    return text.trim() // a proxy in between, or an older daemon
  }
}

function parse<T extends z.ZodType>(shape: T, text: string): z.output<T> {
  return shape.parse(JSON.parse(text))
}

async function* jsonLines<T extends z.ZodType>(shape: T, body: AsyncIterable<Buffer>): AsyncGenerator<z.output<T>> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.trim() !== '') yield parse(shape, line)
  }
  if (rest.trim() !== '') yield parse(shape, rest)
}
