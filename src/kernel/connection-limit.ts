/**
 * A process has a limit of open files, and each connection is one. A server that runs into it accepts nothing more, for nobody, in a way that
 * clients see as a broken network. So a server holds fewer connections than that: at the bound those go first that have been idle for a while,
 * and then whoever comes is told in one line and let go.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { recurring } from './recurring.ts'

/** What else a process keeps open: its log, sockets of its own, segments, and what Node itself needs. */
const OTHER_FILES = 56
const IDLE_MS = 1_000

export interface ConnectionLimit {
  /** In words, while connections are refused and for some seconds after. */
  trouble(): string | undefined
  /** Since the start. */
  refused(): number
}

/** Files that this process may open, sockets included (RLIMIT_NOFILE); infinite where that cannot be told. */
export function openFilesLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return found === undefined ? Number.POSITIVE_INFINITY : Number(found)
  } catch {
    return Number.POSITIVE_INFINITY // not Linux: the defaults there are of no concern
  }
}

export interface ConnectionLimitOptions {
  readonly log: Log
  readonly clock: Clock
  /** Files that one connection may need: itself, and one to an upstream. */
  readonly filesEach: number
  /** The JSON body of the refusal. */
  readonly refusal: (message: string) => unknown
  readonly openFiles?: number
  /** TLS: nothing can be said in plain text. */
  readonly encrypted?: boolean
  /** Since when nothing happens on a connection (monotonic milliseconds), undefined while it is busy. Default: told by the server's requests. */
  readonly idleSince?: (socket: Socket) => number | undefined
}

/** Bounds the connections of `server`. With no known limit of files it does nothing. */
export function limitConnections(server: Server, options: ConnectionLimitOptions): ConnectionLimit {
  const { log, clock } = options
  const openFiles = options.openFiles ?? openFilesLimit()
  const most = Math.max(4, Math.floor((openFiles - OTHER_FILES) / options.filesEach))
  const open = new Map<Socket, { busy: number; idleSince: number }>()
  const words = `All ${most} connections that the limit of open files (${openFiles}) leaves room for are in use.`
  const said = recurring(
    log,
    clock,
    'connections are refused until others end; raise the limit of open files (ulimit -n)',
    'there is room again',
    'warn',
  )
  let refused = 0
  let lastAt = Number.NEGATIVE_INFINITY

  const closeIdle = (): void => {
    const before = clock.monotonic() - IDLE_MS
    for (const [socket, { busy, idleSince }] of open) {
      const since = options.idleSince ? options.idleSince(socket) : busy > 0 ? undefined : idleSince
      if (since === undefined || since > before) continue
      open.delete(socket)
      socket.destroy()
    }
  }
  const refuse = (socket: Socket): void => {
    refused += 1
    lastAt = clock.monotonic()
    said.failed(words)
    const body = JSON.stringify(options.refusal(`${words} Try again in a moment.`))
    socket.on('error', () => undefined) // it may have left already
    if (!options.encrypted)
      socket.write(
        `HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      )
    // At once, so that the file is free for the next in the same turn; waiting for the client would be what is to be avoided.
    socket.destroy()
  }

  const trouble = () => (clock.monotonic() - lastAt < 10_000 ? `${words} Others are refused.` : undefined)

  if (Number.isFinite(openFiles)) {
    server.prependListener('connection', (socket: Socket) => {
      if (open.size >= most) closeIdle()
      if (open.size >= most) return refuse(socket)
      if (open.size < most / 2) said.worked()
      open.set(socket, { busy: 0, idleSince: clock.monotonic() })
      socket.once('close', () => open.delete(socket))
    })
    const countRequest = (request: IncomingMessage, response: ServerResponse) => {
      const state = open.get(request.socket)
      if (!state) return
      state.busy += 1
      response.once('close', () => {
        state.busy -= 1
        state.idleSince = clock.monotonic()
      })
    }
    if (!options.idleSince) server.on('request', countRequest)
  }
  return { refused: () => refused, trouble }
}
