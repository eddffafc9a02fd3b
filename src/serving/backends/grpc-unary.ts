/**
 * One question and one answer by gRPC (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): plaintext HTTP/2 for http://, TLS for https://. A
 * connection for each call: these are for a few calls a minute. Bounded in time and in bytes; when it returns or throws, its connection is gone.
 */
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { messageOf, systemCode } from '../../kernel/errors.ts'

/** By number (google/rpc/code.proto). */
const STATUSES = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'],
  ...['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  'UNAUTHENTICATED',
]

/** The name of a status, "NOT_FOUND"; "status 99" where that is none. */
export const grpcStatusName = (number: number): string => STATUSES[number] ?? `status ${number}`

/** `message` is for a person, and begins with "it": what the server did. */
export class GrpcError extends Error {
  /** As the server says it, or as a gRPC client would: UNAVAILABLE where no answer came, DEADLINE_EXCEEDED where it took too long. */
  readonly status: string

  constructor(status: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'GrpcError'
    this.status = status
  }
}

export interface UnaryCall {
  /** "/package.Service/Method" */
  readonly path: string
  /** The request, encoded. */
  readonly message: Uint8Array
  /** Ends the call; its reason is thrown. */
  readonly signal: AbortSignal
  /** Milliseconds; 5,000 unless said. The server is told. */
  readonly timeoutMs?: number
  /** Sent as `authorization: Bearer`. */
  readonly bearer?: string
  /** Of the answer; 1 MiB unless said. */
  readonly mostBytes?: number
}

const TIMEOUT_MS = 5_000
const MOST_BYTES = 1024 * 1024
const MOST_DETAILS = 1_000
const PREFIX_BYTES = 5

/** `address`: http:// or https://, host and port; a path is not used. The answer, not decoded. Throws GrpcError, or the signal's reason. */
export async function callUnary(address: string, call: UnaryCall): Promise<Buffer> {
  const { signal, timeoutMs = TIMEOUT_MS } = call
  signal.throwIfAborted()
  const url = new URL(address)
  const socket = openSocket(url)
  const session = connect(url.origin, { createConnection: () => socket })
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => reject(new GrpcError('DEADLINE_EXCEEDED', `it has not answered within ${timeoutMs / 1000} s`)), timeoutMs)
  // A listener stays until the end: whatever breaks after the answer is of no interest, and must not be nobody's.
  session.on('error', (error) => reject(broken(error)))
  session.on(
    'goaway',
    (code) => code !== constants.NGHTTP2_NO_ERROR && reject(unavailable(`it ended the connection (HTTP/2 error ${code})`)),
  )
  const closed = new Promise<void>((done) => session.once('close', done))
  void closed.then(() => reject(unavailable('it broke the connection')))
  try {
    ask(session, call, timeoutMs, resolve, reject)
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    session.destroy()
    socket.destroy() // a session that the server has begun to end would wait for it
    await closed
  }
}

function openSocket({ protocol, hostname, port }: URL): Socket {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'http:') return connectSocket({ host, port: Number(port || 80) })
  return connectTls({ host, port: Number(port || 443), ALPNProtocols: ['h2'], ...(isIP(host) ? {} : { servername: host }) })
}

function ask(
  session: ClientHttp2Session,
  { path, message, bearer, mostBytes = MOST_BYTES }: UnaryCall,
  timeoutMs: number,
  resolve: (answer: Buffer) => void,
  reject: (error: unknown) => void,
): void {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': timeoutHeader(timeoutMs),
    'user-agent': 'strata',
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  })
  const chunks: Buffer[] = []
  let bytes = 0
  let head: IncomingHttpHeaders | undefined
  let trailers: IncomingHttpHeaders | undefined
  stream.on('response', (headers) => {
    head = headers
    const wrong = notGrpc(headers)
    if (wrong) reject(wrong)
  })
  stream.on('trailers', (headers) => {
    trailers = headers
  })
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > mostBytes + PREFIX_BYTES) reject(new GrpcError('RESOURCE_EXHAUSTED', `its answer is longer than ${mostBytes} bytes`))
    else chunks.push(chunk)
  })
  stream.on('error', (error) => reject(broken(error)))
  stream.on('close', () => {
    if (!head) return reject(unavailable('it ended the call without an answer'))
    try {
      // Where there is nothing but a status, it comes in the head.
      resolve(answerOf({ ...head, ...trailers }, Buffer.concat(chunks)))
    } catch (error) {
      reject(error)
    }
  })
  const prefix = Buffer.alloc(PREFIX_BYTES) // not compressed
  prefix.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([prefix, message]))
}

/** At most eight digits. */
function timeoutHeader(ms: number): string {
  return ms < 1e8 ? `${Math.max(1, Math.ceil(ms))}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`
}

function notGrpc(headers: IncomingHttpHeaders): GrpcError | undefined {
  const status = Number(headers[':status'])
  const isGrpc = /^application\/grpc($|[+;])/.test(headers['content-type'] ?? '')
  if (status === 401 || status === 403) return new GrpcError('UNAUTHENTICATED', `it refuses our credentials (HTTP ${status})`)
  if (status !== 200) return unavailable(`it answers HTTP ${status}, and not as gRPC does`)
  return isGrpc || headers['grpc-status'] !== undefined ? undefined : unavailable('it answers, but not as gRPC does')
}

function answerOf(head: IncomingHttpHeaders, body: Buffer): Buffer {
  const status = head['grpc-status']
  if (typeof status !== 'string' || !/^\d{1,9}$/.test(status)) throw unavailable('it broke off its answer')
  if (Number(status) !== 0) {
    const name = grpcStatusName(Number(status))
    const details = unescapeDetails(String(head['grpc-message'] ?? ''))
    throw new GrpcError(name, details === '' ? `it says ${name}` : `it says ${name}: ${details}`)
  }
  if (body.length < PREFIX_BYTES) throw new GrpcError('INTERNAL', 'it says OK, and nothing else')
  if (body[0] !== 0) throw new GrpcError('INTERNAL', 'its answer is compressed, which nobody asked for')
  const length = body.readUInt32BE(1)
  const there = body.length - PREFIX_BYTES
  if (length !== there) throw new GrpcError('INTERNAL', `its answer should be one message of ${length} bytes, and has ${there}`)
  return body.subarray(PREFIX_BYTES)
}

/** Percent-encoded UTF-8; what is not well encoded stays as it is. */
function unescapeDetails(text: string): string {
  const bytes = text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8').slice(0, MOST_DETAILS)
}

const unavailable = (message: string, cause?: unknown): GrpcError => new GrpcError('UNAVAILABLE', message, { cause })

function broken(error: unknown): GrpcError {
  // A call that waited for its connection is told of what became of it by a cause.
  const source = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = systemCode(source) ?? ''
  if (code.startsWith('ERR_SSL_')) return unavailable(`it does not speak gRPC over TLS there (${code})`, error)
  switch (code) {
    case 'ECONNREFUSED':
      return unavailable('nobody listens there (connection refused)', error)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unavailable('its host name is not known', error)
    case 'ECONNRESET':
    case 'EPIPE':
      return unavailable('it broke the connection', error)
    case 'ERR_HTTP2_ERROR':
      return unavailable(`it does not speak gRPC there (HTTP/2: ${messageOf(source)})`, error)
    default:
      return unavailable(messageOf(source), error)
  }
}
