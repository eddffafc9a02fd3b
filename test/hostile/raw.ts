/** Bytes on a socket, as no client library would send them, and what comes back. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'

export interface Said {
  /** All that came, as latin1. */
  readonly text: string
  /** Of all answers, in order. */
  readonly statuses: readonly number[]
  /** The peer has closed the connection. */
  readonly closed: boolean
  readonly ms: number
}

export interface Sending {
  /** No byte for so long is the end of an answer. Default 150. */
  readonly quietMs?: number
  /** The longest wait for the first byte. Default 5,000. */
  readonly patienceMs?: number
  /** Half-closes after the last byte. */
  readonly halfClose?: boolean
}

/** Sends `bytes` at once and collects what comes until the peer closes or falls silent. */
export function send(
  port: number,
  bytes: string | Buffer,
  { quietMs = 150, patienceMs = 5_000, halfClose = false }: Sending = {},
): Promise<Said> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let timer = setTimeout(() => done(false), patienceMs)
    const done = (closed: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(said(text, closed, performance.now() - started))
    }
    socket.on('connect', () => (halfClose ? socket.end(bytes) : socket.write(bytes)))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(() => done(false), quietMs)
    })
    socket.on('close', () => done(true))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
  })
}

/** Sends piece after piece, with a pause before each but the first, until all is sent or the peer has closed; then waits for the answer. */
export async function sendSlowly(port: number, pieces: Iterable<string | Buffer>, pauseMs: number, patienceMs: number): Promise<Said> {
  const started = performance.now()
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let closed = false
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  void ended.then(() => {
    closed = true
  })
  socket.on('error', () => undefined) // `close` tells it
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  let first = true
  for (const piece of pieces) {
    if (!first) await Promise.race([sleep(pauseMs), ended])
    first = false
    if (closed || performance.now() - started > patienceMs) break
    socket.write(piece)
  }
  await Promise.race([ended, sleep(Math.max(0, patienceMs - (performance.now() - started)))])
  socket.destroy()
  return said(text, closed, performance.now() - started)
}

/** Opens so many connections that say nothing. */
export async function idle(port: number, count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket))
          socket.once('error', reject)
          socket.on('error', () => undefined) // closed by the peer later on
        }),
    ),
  )
}

/** So many clients that connect, say `bytes` and are gone, `atOnce` of them together. */
export async function comeAndGo(port: number, bytes: string | Buffer, count: number, atOnce = count): Promise<void> {
  const one = () =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(bytes)
        socket.resetAndDestroy()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
    })
  for (let left = count; left > 0; left -= atOnce) await Promise.all(Array.from({ length: Math.min(left, atOnce) }, one))
}

function said(text: string, closed: boolean, ms: number): Said {
  return { text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)), closed, ms }
}

/** Every answer is a refusal of the caller, in a shape that programs can read; and after a refusal nothing else is answered. */
export function expectRefused({ text, statuses, closed }: Said, secrets: readonly string[]): void {
  for (const status of statuses) expect([status >= 400 && status < 500, status]).toEqual([true, status])
  expect(statuses.length).toBeLessThanOrEqual(1)
  if (statuses.length === 0) expect([closed, text]).toEqual([true, ''])
  else expect(errorIn(text)).toMatchObject({ message: expect.any(String) })
  for (const secret of secrets) expect(text).not.toContain(secret)
}

/** `error` of the one answer in `text`. */
export function errorIn(text: string): { message?: string; code?: string } | undefined {
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  return (JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)) as { error?: { message?: string; code?: string } }).error
}
