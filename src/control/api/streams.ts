/** Answers that go on: NDJSON for programs, server-sent events for browsers. Both end when the client leaves, reads too slowly, or control drains. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'

export interface LineStream {
  send(value: unknown, id?: string): void
  /** A sign of life; `value` is sent as a line where the format has no comments. */
  alive(value: unknown): void
  readonly closed: AbortSignal
}

/** Bytes that may wait for a slow reader before it is cut. */
const MOST_BUFFERED_BYTES = 16 * 1024 * 1024
const ALIVE_MS = 15_000

export function wantsEvents(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').includes('text/event-stream')
}

/** Takes the response over. `alive` gives the line that tells an NDJSON reader that nothing has happened. */
export function openStream(request: FastifyRequest, reply: FastifyReply, closing: AbortSignal, alive?: () => unknown): LineStream {
  const events = wantsEvents(request)
  const response: ServerResponse = reply.raw
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) response.setHeader(name, value)
  response.writeHead(200, {
    'content-type': events ? 'text/event-stream' : 'application/x-ndjson',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  reply.hijack()
  const closed = new AbortController()
  const write = (text: string) => {
    if (closed.signal.aborted) return
    response.write(text)
    if (response.writableLength > MOST_BUFFERED_BYTES) response.destroy()
  }
  const stream: LineStream = {
    send: (value, id) =>
      write(events ? `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n` : `${JSON.stringify(value)}\n`),
    alive: (value) => write(events ? ': \n\n' : `${JSON.stringify(value)}\n`),
    closed: closed.signal,
  }
  const timer = alive && setInterval(() => stream.alive(alive()), ALIVE_MS)
  const end = () => response.end()
  closing.addEventListener('abort', end, { once: true })
  response.on('close', () => {
    clearInterval(timer)
    closing.removeEventListener('abort', end)
    closed.abort()
  })
  return stream
}
