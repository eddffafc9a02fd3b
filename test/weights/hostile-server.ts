/** An HTTP server that serves one file, well or badly: each request takes the next behaviour of the script; the last one goes on. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Behaviour =
  /** As it should be: ranges, ETag, length. */
  | { readonly type: 'good' }
  /** Cuts the connection after so many bytes of the body. */
  | { readonly type: 'cut'; readonly after: number }
  /** Announces another length than it sends. */
  | { readonly type: 'length'; readonly announced: number }
  /** Falls silent after so many bytes. */
  | { readonly type: 'hang'; readonly after: number }
  /** Sends the whole, whatever range was asked for. */
  | { readonly type: 'ignoresRange' }
  /** Answers a range with another one. */
  | { readonly type: 'wrongRange' }
  /** No length at all, ended by the end of the connection. */
  | { readonly type: 'noLength' }
  | { readonly type: 'status'; readonly status: number }
  | { readonly type: 'redirect'; readonly to: string }
  | { readonly type: 'compresses' }

export interface HostileServer {
  readonly url: string
  /** What is served from now on; its ETag changes with it. */
  content: Buffer
  /** Sends no ETag and no date. */
  withoutValidator: boolean
  script: Behaviour[]
  readonly requests: { readonly url: string; readonly headers: IncomingMessage['headers'] }[]
  close(): Promise<void>
}

export async function hostileServer(content: Buffer): Promise<HostileServer> {
  const sockets = new Set<Socket>()
  const state: HostileServer = {
    url: '',
    content,
    withoutValidator: false,
    script: [{ type: 'good' }],
    requests: [],
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        for (const socket of sockets) socket.destroy()
      }),
  }
  const server = createServer((request, response) => {
    state.requests.push({ url: request.url!, headers: request.headers })
    const behaviour = state.script.length > 1 ? state.script.shift()! : state.script[0]!
    serve(request, response, behaviour, state)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined) // a client that leaves is part of the play
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

function serve(request: IncomingMessage, response: ServerResponse, behaviour: Behaviour, state: HostileServer): void {
  const { content } = state
  const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`
  const validator: Record<string, string> = state.withoutValidator ? {} : { etag }
  if (behaviour.type === 'status') return void response.writeHead(behaviour.status).end('no')
  if (behaviour.type === 'redirect') return void response.writeHead(302, { location: behaviour.to }).end()
  if (behaviour.type === 'compresses')
    return void response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 10 }).end('0123456789')
  if (behaviour.type === 'noLength') {
    response.socket!.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n'), content]))
    return
  }

  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const ifRange = request.headers['if-range']
  const from = asked && behaviour.type !== 'ignoresRange' && (ifRange === undefined || ifRange === etag) ? Number(asked[1]) : 0
  if (from > 0 && from >= content.length) return void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
  const body = content.subarray(from)
  const length = behaviour.type === 'length' ? behaviour.announced : body.length
  const status = from > 0 ? 206 : 200
  const shown = behaviour.type === 'wrongRange' ? from + 7 : from
  // As one raw text, so that Node does not mend what is meant to be wrong.
  const head = [
    `HTTP/1.1 ${status} ${status === 206 ? 'Partial Content' : 'OK'}`,
    `content-length: ${length}`,
    ...Object.entries(validator).map(([name, value]) => `${name}: ${value}`),
    ...(status === 206 ? [`content-range: bytes ${shown}-${content.length - 1}/${content.length}`] : []),
    '',
    '',
  ].join('\r\n')
  const socket = response.socket!
  socket.write(head)
  switch (behaviour.type) {
    case 'cut':
      // What has not been read when the end comes is lost to the client: on a busy machine that takes a while.
      socket.write(body.subarray(0, behaviour.after), () => setTimeout(() => socket.destroy(), behaviour.after === 0 ? 0 : 300))
      return
    case 'hang':
      socket.write(body.subarray(0, behaviour.after))
      return
    default:
      socket.end(body)
  }
}
