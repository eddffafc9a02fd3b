/**
 * The snapshot feed, control's end: streams the whole to each gateway, then deltas, and hears what each gateway runs.
 *
 * The epoch is fresh for each boot, so a gateway that comes from an earlier control takes the whole again; within an epoch it may
 * resume by version as long as the deltas since then are still in memory. A gateway that reads too slowly is cut: when it is back it
 * gets the whole. Nothing is published before `load`: an empty snapshot would take a healthy gateway's routes away.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import { sortableId } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import { addChecksum, entryChecksum, type FeedAck, type FeedLine, type SnapshotEntry } from '../../resources/snapshot.ts'

export interface GatewayFeedStatus {
  readonly id: string
  readonly boot: string
  /** Last version it answered for. */
  readonly version: number
  readonly status: 'ack' | 'nack' | 'behind'
  readonly reason?: string
  readonly connected: boolean
  readonly connectedSince: number
  readonly lastSeen: number
  /** Instances that drain and have requests of it. */
  readonly busy: readonly string[]
}

export interface SnapshotFeed {
  /** First publish: the whole. */
  load(entries: Map<string, SnapshotEntry>): void
  /** Publishes a change and returns its version; without a real change the version stays. */
  update(set: ReadonlyMap<string, SnapshotEntry>, del?: Iterable<string>): number
  version(): number
  /** Request handler of the control socket: `GET /feed`, `POST /feed/ack`. */
  handle(req: IncomingMessage, res: ServerResponse): void
  gateways(): GatewayFeedStatus[]
  /** True once every connected gateway runs `version` or a later one; false when `timeoutMs` ran out first. */
  acked(version: number, timeoutMs: number): Promise<boolean>
  /**
   * No gateway has a request at this instance, and none will send it one: all that there should be run `version`, in which it drains, or a later
   * one. A gateway that is cut off may still have some; after half a minute it is taken for dead.
   */
  idle(instance: string, version: number): boolean
  /** Called when a gateway has said what it runs, or is gone. */
  onAck(listener: () => void): () => void
  close(): void
}

interface Connection {
  readonly res: ServerResponse
  readonly id: string
}

type GatewayState = { -readonly [K in keyof GatewayFeedStatus]: GatewayFeedStatus[K] } & {
  goneSince: number | undefined
  /** Its newest connection. */
  res: ServerResponse
}

const PING_MS = 2_000
const KEPT_DELTAS = 256
const CUT_OFF_MS = 30_000
const MOST_BUFFERED_BYTES = 64 * 1024 * 1024
/** Entries written between two turns of the event loop. */
const SLICE = 500

/** `gateways`: how many there should be. */
export function createSnapshotFeed(options: { feedToken: string; gateways: number; log: Log; clock?: Clock }): SnapshotFeed {
  const clock = options.clock ?? systemClock
  const token = Buffer.from(options.feedToken)
  const epoch = sortableId(clock.now())
  const entries = new Map<string, { value: SnapshotEntry; json: string; checksum: number }>()
  const deltas: Extract<FeedLine, { type: 'delta' }>[] = []
  const connections = new Set<Connection>()
  const gateways = new Map<string, GatewayState>()
  const listeners = new Set<() => void>()
  const startedAt = clock.monotonic()
  let version = 0
  let checksum = 0

  const put = (key: string, value: SnapshotEntry): boolean => {
    const json = JSON.stringify(value)
    const before = entries.get(key)
    if (before?.json === json) return false
    if (before) checksum = addChecksum(checksum, before.checksum, -1)
    const contribution = entryChecksum(key, json)
    entries.set(key, { value, json, checksum: contribution })
    checksum = addChecksum(checksum, contribution)
    return true
  }

  const write = (connection: Connection, line: FeedLine) => {
    connection.res.write(`${JSON.stringify(line)}\n`)
    if (connection.res.writableLength > MOST_BUFFERED_BYTES) {
      options.log.warn('gateway reads its snapshot feed too slowly; cut, it will take the whole again', { gateway: connection.id })
      connection.res.destroy()
    }
  }

  const sendWhole = async (connection: Connection) => {
    // The whole is a picture of one moment; what changes while it is written follows as deltas.
    const picture = [...entries]
    write(connection, { type: 'whole', epoch, version, entries: picture.length, checksum })
    const at = version
    for (let i = 0; i < picture.length; i += SLICE) {
      let text = ''
      for (const [key, { json }] of picture.slice(i, i + SLICE)) text += `{"type":"entry","key":${JSON.stringify(key)},"value":${json}}\n`
      if (connection.res.destroyed) return
      if (!connection.res.write(text)) await new Promise<void>((resolve) => onDrainOrClose(connection.res, resolve))
      else await new Promise<void>((resolve) => setImmediate(resolve))
    }
    write(connection, { type: 'end', version: at })
    // Should more deltas have come than are kept, the gateway notices the gap and asks for the whole again.
    for (const delta of deltas) if (delta.base >= at) write(connection, delta)
    connections.add(connection)
  }

  const ping = setInterval(() => {
    for (const connection of connections) write(connection, { type: 'ping', version, now: clock.now() })
  }, PING_MS)
  ping.unref()

  const openStream = (res: ServerResponse, url: URL) => {
    const id = url.searchParams.get('gateway') ?? ''
    const boot = url.searchParams.get('boot') ?? ''
    if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(id)) return void refuse(res, 400, 'the query needs gateway=<id>')
    res.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    res.flushHeaders()
    const connection: Connection = { res, id }
    const now = clock.now()
    const known = gateways.get(id)
    gateways.set(id, {
      id,
      boot,
      version: known?.boot === boot ? known.version : 0,
      status: 'behind',
      connected: true,
      connectedSince: now,
      lastSeen: now,
      goneSince: undefined,
      res,
      busy: known?.boot === boot ? known.busy : [],
    })
    res.on('close', () => {
      connections.delete(connection)
      const state = gateways.get(id)
      if (state?.res === res) {
        state.connected = false
        state.goneSince = clock.monotonic()
      }
      wake()
    })
    res.on('error', (error) => options.log.debug('snapshot feed ended', { gateway: id, error: messageOf(error) }))
    const base = Number(url.searchParams.get('version'))
    const resumable = url.searchParams.get('epoch') === epoch && (base === version || deltas.some((delta) => delta.base === base))
    if (version === 0) return void unloaded.add(connection)
    if (!resumable) return void sendWhole(connection)
    for (const delta of deltas) if (delta.base >= base) write(connection, delta)
    write(connection, { type: 'ping', version, now })
    connections.add(connection)
  }
  /** Gateways that came before the first publish. */
  const unloaded = new Set<Connection>()

  const takeAck = (res: ServerResponse, ack: FeedAck) => {
    const state = gateways.get(ack.gateway)
    if (state && state.boot === ack.boot && ack.epoch === epoch) {
      state.version = ack.version
      state.status = ack.status
      state.reason = ack.reason
      state.busy = ack.busy ?? []
      state.lastSeen = clock.now()
      if (ack.status === 'nack') options.log.error('a gateway refused a snapshot', { ...ack })
      wake()
    }
    res.writeHead(204).end()
  }

  const wake = () => {
    for (const listener of [...listeners]) listener()
  }

  const allRun = (wanted: number) =>
    [...gateways.values()].every((state) => !state.connected || (state.status === 'ack' && state.version >= wanted))

  const isIdle = (state: GatewayState, instance: string, wanted: number) => {
    if (!state.connected) return clock.monotonic() - (state.goneSince ?? 0) > CUT_OFF_MS
    return state.status === 'ack' && state.version >= wanted && !state.busy.includes(instance)
  }

  return {
    load(first) {
      for (const [key, value] of first) put(key, value)
      version = 1
      for (const connection of unloaded) if (!connection.res.destroyed) void sendWhole(connection)
      unloaded.clear()
    },

    update(set, del = []) {
      const changed: Record<string, SnapshotEntry> = {}
      const gone: string[] = []
      for (const key of del) {
        const before = entries.get(key)
        if (!before || set.has(key)) continue
        entries.delete(key)
        checksum = addChecksum(checksum, before.checksum, -1)
        gone.push(key)
      }
      for (const [key, value] of set) if (put(key, value)) changed[key] = value
      if (gone.length === 0 && Object.keys(changed).length === 0) return version
      const delta = { type: 'delta' as const, epoch, base: version, version: version + 1, checksum, set: changed, del: gone }
      version += 1
      deltas.push(delta)
      if (deltas.length > KEPT_DELTAS) deltas.shift()
      for (const connection of connections) write(connection, delta)
      return version
    },

    version: () => version,

    handle(req, res) {
      const given = Buffer.from(req.headers.authorization?.replace(/^Bearer /, '') ?? '')
      if (given.length !== token.length || !timingSafeEqual(given, token)) return void refuse(res, 401, 'the feed wants its bearer token')
      const url = new URL(req.url ?? '/', 'http://control')
      if (req.method === 'GET' && url.pathname === '/feed') return openStream(res, url)
      if (req.method === 'POST' && url.pathname === '/feed/ack') return void readAck(req, res, takeAck)
      refuse(res, 404, 'only GET /feed and POST /feed/ack are here')
    },

    gateways: () =>
      [...gateways.values()].map(({ goneSince: _, res: __, ...state }) => ({
        ...state,
        status: state.status === 'ack' && state.version < version ? 'behind' : state.status,
      })),

    acked(wanted, timeoutMs) {
      if (allRun(wanted)) return Promise.resolve(true)
      return new Promise((resolve) => {
        const settle = (result: boolean) => {
          clearTimeout(timer)
          listeners.delete(look)
          resolve(result)
        }
        const look = () => {
          if (allRun(wanted)) settle(true)
        }
        const timer = setTimeout(() => settle(false), timeoutMs)
        listeners.add(look)
      })
    },

    idle(instance, wanted) {
      const states = [...gateways.values()]
      const missing = states.filter(({ connected }) => connected).length < options.gateways
      if (missing && clock.monotonic() - startedAt < CUT_OFF_MS) return false
      return states.every((state) => isIdle(state, instance, wanted))
    },
    onAck(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    close() {
      clearInterval(ping)
      for (const connection of [...connections, ...unloaded]) connection.res.destroy()
    },
  }
}

function refuse(res: ServerResponse, status: number, message: string): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { code: 'feed', message } }))
}

function onDrainOrClose(res: ServerResponse, done: () => void): void {
  const once = () => {
    res.off('drain', once)
    res.off('close', once)
    done()
  }
  res.on('drain', once)
  res.on('close', once)
}

function readAck(req: IncomingMessage, res: ServerResponse, take: (res: ServerResponse, ack: FeedAck) => void): void {
  let text = ''
  req.setEncoding('utf8')
  req.on('data', (part: string) => {
    text += part
    if (text.length > 16_384) req.destroy()
  })
  req.on('end', () => {
    try {
      take(res, JSON.parse(text) as FeedAck)
    } catch (error) {
      refuse(res, 400, `not an ack: ${messageOf(error)}`)
    }
  })
}
