/**
 * One file over HTTP into a part: resumed with Range and If-Range, bounded in every wait, and never believed. What a server says about the
 * length is checked against what came; the digest has the last word.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dispatcher, EnvHttpProxyAgent, errors, interceptors, request } from 'undici'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'
import { type Part, type PartOrigin, requireSpace } from './part.ts'

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** The digest is pinned: a part of unknown age may be continued, since a wrong one will be found out. */
  readonly pinned: boolean
  readonly signal?: AbortSignal
  readonly connectTimeoutMs?: number
  readonly idleTimeoutMs?: number
  onProgress?(receivedBytes: number, totalBytes: number | undefined): void
}

/** Attempts in a row that brought nothing new. */
const FRUITLESS_ATTEMPTS = 3
/** Times that a file may turn out to be another one than it was; a server that lies about the length would have us start over for ever. */
const MOST_RESTARTS = 2

/** Fills `part` with the file at `url`. Throws a StrataError whose message is the reason, e.g. "HTTP 404". */
export async function download(part: Part, url: string, options: DownloadOptions): Promise<void> {
  const { connectTimeoutMs = 3_000, idleTimeoutMs = 30_000 } = options
  const agent = new EnvHttpProxyAgent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
    // A server that speaks HTTP wrongly is found out by our own checks and by the parser.
  })
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 5 }))
  try {
    for (let fruitless = 0, restarts = 0; ; ) {
      const before = await part.size()
      try {
        return await attempt(part, url, options, dispatcher)
      } catch (error) {
        options.signal?.throwIfAborted()
        if (!isPassing(error)) throw error
        if (error instanceof Restart && ++restarts > MOST_RESTARTS) throw reasonOf(error, url)
        fruitless = (await part.size()) > before ? 0 : fruitless + 1
        // A place that never answered is left at once for the next one; a cut download is worth some patience.
        if (fruitless >= FRUITLESS_ATTEMPTS || before + (await part.size()) === 0) throw reasonOf(error, url)
        await sleep(Math.min(500 * 2 ** fruitless, 5_000), undefined, { signal: options.signal })
      }
    }
  } finally {
    await agent.destroy()
  }
}

async function attempt(part: Part, url: string, options: DownloadOptions, dispatcher: Dispatcher): Promise<void> {
  const { signal, pinned } = options
  const held = await part.size()
  const known = await part.origin()
  const mayResume = held > 0 && known?.url === url && (known.validator !== undefined || pinned)

  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'strata', ...options.headers }
  if (mayResume) {
    headers.range = `bytes=${held}-`
    if (known.validator) headers['if-range'] = known.validator
  }
  const response = await request(url, { headers, dispatcher, signal, maxRedirections: undefined } as Parameters<typeof request>[1])
  const { statusCode, body } = response
  const header = (name: string) => [response.headers[name]].flat()[0]
  const refuse = (message: string, advice?: string): never => {
    body.on('error', () => undefined).destroy()
    throw new StrataError('bad_answer', message, { advice })
  }

  if (statusCode === 416 && mayResume) {
    // Nothing after what we hold: either it is whole already, or it is longer than the file is now.
    body.on('error', () => undefined).destroy()
    if (known.totalBytes === held) {
      await part.resume(signal)
      return
    }
    await part.discard()
    throw new Restart(
      known.totalBytes === undefined ? undefined : `the server has fewer than the ${known.totalBytes} bytes that it announced`,
    )
  }
  if (statusCode !== 200 && statusCode !== 206)
    refuse(`HTTP ${statusCode}`, statusCode === 401 || statusCode === 403 ? 'Is a token needed (HF_TOKEN)?' : undefined)
  if (header('content-encoding') && header('content-encoding') !== 'identity')
    refuse(`the server compresses (${header('content-encoding')})`)

  const length = numberOf(header('content-length'))
  if (length === undefined && header('transfer-encoding') === undefined && !pinned)
    refuse('the server says no length and no sha256 is pinned, so a cut file could not be told from a whole one')

  let total: number | undefined
  if (statusCode === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header('content-range') ?? '')
    if (!mayResume || !range || Number(range[1]) !== held) refuse('the server sent another part than the one asked for')
    total = range![3] === '*' ? (length === undefined ? undefined : held + length) : Number(range![3])
    if (known?.totalBytes !== undefined && total !== undefined && total !== known.totalBytes) {
      body.on('error', () => undefined).destroy()
      await part.discard()
      throw new Restart(`the server says ${total} bytes now, and said ${known.totalBytes} before`)
    }
    await part.resume(signal)
  } else {
    total = length
    await part.begin(originOf(url, total, header('etag'), header('last-modified')))
  }
  if (total !== undefined) await requireSpace(part.path.slice(0, part.path.lastIndexOf('/')), total - part.received)

  options.onProgress?.(part.received, total)
  try {
    for await (const chunk of body) {
      await part.write(chunk as Uint8Array)
      if (total !== undefined && part.received > total) refuse(`the server sent more than the ${total} bytes that it announced`)
      options.onProgress?.(part.received, total)
    }
  } catch (error) {
    // A server that closes right after the last byte can end the stream with an error although everything is here.
    if (isPassing(error) && part.received === total) return
    throw error
  }
  if (total !== undefined && part.received < total) throw new Cut(part.received, total)
}

function originOf(url: string, totalBytes: number | undefined, etag: string | undefined, lastModified: string | undefined): PartOrigin {
  // RFC 9110 §13.1.5: If-Range takes a strong ETag or a date.
  const validator = etag && !etag.startsWith('W/') ? etag : lastModified
  return { url, ...(validator ? { validator } : {}), ...(totalBytes === undefined ? {} : { totalBytes }) }
}

class Cut extends Error {
  constructor(received: number, total: number) {
    super(`the connection ended after ${received} of ${total} bytes`)
  }
}
class Restart extends Error {
  constructor(why = 'the file on the server changed during the download') {
    super(why)
  }
}

const PASSING = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_CHUNK_SIZE',
  'HPE_INVALID_EOF_STATE',
  'UND_ERR_INFO',
  'UND_ERR_ABORTED',
])

/** Worth another attempt: the network, not the answer. */
function isPassing(error: unknown): boolean {
  if (error instanceof Cut || error instanceof Restart) return true
  const code = systemCode(error) ?? systemCode((error as { cause?: unknown })?.cause)
  return code !== undefined && PASSING.has(code)
}

const WORDS: Record<string, string> = {
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved (no network?)',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ENETUNREACH: 'no route to host',
  EHOSTUNREACH: 'no route to host',
  ENETDOWN: 'the network is down',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the server fell silent',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the server sent another length than it announced',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted (NODE_EXTRA_CA_CERTS names an extra CA)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted (NODE_EXTRA_CA_CERTS names an extra CA)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted (NODE_EXTRA_CA_CERTS names an extra CA)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted (NODE_EXTRA_CA_CERTS names an extra CA)',
  CERT_HAS_EXPIRED: 'its certificate has expired',
}

export function reasonOf(error: unknown, url?: string): StrataError {
  if (error instanceof StrataError) return error
  const causes = [error, (error as { cause?: unknown })?.cause, ...(error instanceof AggregateError ? error.errors : [])]
  const code = causes.map(systemCode).find((one) => one !== undefined && one in WORDS)
  const words = code ? WORDS[code]! : error instanceof errors.RequestAbortedError ? 'stopped' : messageOf(error)
  return new StrataError('place_failed', words, { cause: error, details: url })
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
