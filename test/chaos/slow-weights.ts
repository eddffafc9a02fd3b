/** Weights that come slowly, so that a kill finds their download in flight. Each name has bytes of its own; ranges are served. */
import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

const PIECE_BYTES = 32 * 1024

export interface SlowWeights {
  /** Makes new weights; returns where they are and their digest. */
  add(name: string, bytes: Buffer): { url: string; sha256: string }
  /** Answers that are being sent. */
  running(): number
  /** Requests that went on where an earlier one was cut. */
  resumed(): number
  close(): Promise<void>
}

export async function serveSlowWeights(pauseMs: number): Promise<SlowWeights> {
  const files = new Map<string, { bytes: Buffer; sha256: string }>()
  const sockets = new Set<Socket>()
  let running = 0
  let resumed = 0
  const trickle = (response: ServerResponse, bytes: Buffer) => {
    running += 1
    let at = 0
    const timer = setInterval(() => {
      response.write(bytes.subarray(at, at + PIECE_BYTES))
      at += PIECE_BYTES
      if (at < bytes.length) return
      clearInterval(timer)
      response.end()
    }, pauseMs)
    response.on('close', () => {
      running -= 1
      clearInterval(timer)
    })
  }
  const server = createServer((request, response) => {
    const file = files.get(request.url!.slice(1))
    if (!file) return void response.writeHead(404).end()
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const { bytes, sha256 } = file
    if (from > 0) resumed += 1
    if (from >= bytes.length) return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    response.writeHead(from > 0 ? 206 : 200, {
      etag: `"${sha256.slice(0, 16)}"`,
      'content-length': bytes.length - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    })
    trickle(response, bytes.subarray(from))
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined) // a downloader that is killed is what this is for
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    add(name, bytes) {
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      files.set(name, { bytes, sha256 })
      return { url: `http://127.0.0.1:${port}/${name}`, sha256 }
    },
    running: () => running,
    resumed: () => resumed,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
