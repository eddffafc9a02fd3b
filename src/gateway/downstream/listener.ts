/** The listening side for clients: accepts connections, with TLS or without, keeps their time, and ends them when the gateway drains. */
import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../../kernel/clock.ts'
import { type ConnectionOwner, DownstreamConnection } from './connection.ts'
import type { Exchange } from './exchange.ts'

export interface ListenerOptions extends Pick<ConnectionOwner, 'onRequest' | 'refusal' | 'onMalformed'> {
  readonly clock: Pick<Clock, 'monotonic'>
  /** PEM. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** The last word to a stream that outlives the drain. */
  readonly lastWord: Buffer
}

export interface Listener {
  readonly server: Server
  /** Since when nothing happens on an accepted connection (monotonic milliseconds); undefined while a request runs. */
  idleSince(socket: Socket): number | undefined
  /** Accepts nothing more, closes what is idle; `idle` settles when no request is left. `cut` ends those that are. */
  drain(): { readonly idle: Promise<void>; cut(): void }
}

const SWEEP_MS = 1_000

export function createListener(options: ListenerOptions): Listener {
  const { clock } = options
  const connections = new Map<Socket, DownstreamConnection>()
  let whenIdle: (() => void) | undefined
  const running = (): Exchange[] => [...connections.values()].flatMap(({ exchange }) => exchange ?? [])

  const owner = {
    onRequest: options.onRequest,
    refusal: options.refusal,
    onMalformed: options.onMalformed,
    draining: false,
    now: () => clock.monotonic(),
    onIdle() {
      if (owner.draining && whenIdle && running().length === 0) whenIdle()
    },
  }

  const secureContext = options.tls && createSecureContext(options.tls)
  const server = createServer({ noDelay: true }, (raw) => {
    if (raw.destroyed) return // refused already
    const socket = secureContext ? new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] }) : raw
    const connection = new DownstreamConnection(socket, owner)
    connections.set(raw, connection)
    raw.on('close', () => connections.delete(raw))
    if (secureContext) raw.on('error', () => socket.destroy())
  })

  const sweep = setInterval(() => {
    const now = clock.monotonic()
    for (const connection of connections.values()) connection.sweep(now)
  }, SWEEP_MS)
  sweep.unref()
  server.on('close', () => clearInterval(sweep))

  return {
    server,
    idleSince: (socket) => connections.get(socket)?.idleSince,
    drain() {
      owner.draining = true
      server.close()
      for (const connection of connections.values()) connection.retire()
      const idle = running().length === 0 ? Promise.resolve() : new Promise<void>((resolve) => (whenIdle = resolve))
      return {
        idle,
        cut() {
          for (const { exchange } of connections.values()) {
            if (!exchange) continue
            if (exchange.streams) {
              const { onGone } = exchange
              exchange.write(options.lastWord)
              exchange.end()
              // What still works for it has nobody to work for.
              onGone?.()
            } else exchange.destroy()
          }
        },
      }
    },
  }
}
