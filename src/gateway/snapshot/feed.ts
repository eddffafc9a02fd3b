/**
 * The snapshot feed, the gateway's end: follows control, applies aside, swaps in whole, acknowledges, and keeps the last good one on disk.
 * Whatever goes wrong here, the gateway goes on answering from what it has, and says so.
 */
import { type RequestOptions, request } from 'node:http'
import { join } from 'node:path'
import type { Address } from '../../kernel/address.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { diskProblem } from '../../kernel/disk.ts'
import { messageOf, systemCode } from '../../kernel/errors.ts'
import { readLines } from '../../kernel/json-lines.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import type { FeedAck, FeedLine } from '../../resources/snapshot.ts'
import { readSnapshotFile, writeSnapshotFile } from './disk.ts'
import { applyDelta, EMPTY_TABLES, type Snapshot, SnapshotBuilder, type Tables } from './tables.ts'

export interface SnapshotFollower {
  tables(): Tables
  status(): {
    readonly version: number
    readonly epoch: string
    readonly source: 'none' | 'disk' | 'feed'
    readonly connected: boolean
    /** Monotonic. */
    readonly lastHeard: number
  }
  /** What is wrong with the file, in words: that of this start could not be used, or a newer one cannot be kept. */
  troubles(): string[]
  /** Called after each swap. */
  onSwap(listener: (tables: Tables) => void): void
  /** Tells control again what runs here: `busy` has changed. */
  tell(): void
  close(): void
}

/** Control pings every 2 s; three missed ones mean a dead peer. */
const SILENCE_MS = 7_000
const RECONNECT_MS = 250
const SAVE_AFTER_MS = 500
/** A disk that took none. */
const SAVE_AGAIN_MS = 5_000

export function followSnapshots(options: {
  gateway: string
  boot: string
  control: Address
  feedToken: string
  folder: string
  log: Log
  clock?: Clock
  /** Instances that drain and have requests of this gateway. */
  busy(): string[]
}): SnapshotFollower {
  const clock = options.clock ?? systemClock
  const { gateway, boot, log } = options
  const file = join(options.folder, `${gateway}.ndjson`)
  const listeners: ((tables: Tables) => void)[] = []
  const closing = new AbortController()
  let snapshot: Snapshot | undefined
  let source: 'none' | 'disk' | 'feed' = 'none'
  let connected = false
  let lastHeard = clock.monotonic()
  let saveTimer: NodeJS.Timeout | undefined
  let saving = false
  let unusable: string | undefined
  const keeping = recurring(
    log,
    clock,
    'the snapshot cannot be kept on disk; a restart without control would answer from an older one',
    'the snapshot is kept on disk again',
  )
  let said = ''
  let saidBusy = false

  try {
    snapshot = readSnapshotFile(file)
    source = 'disk'
    log.info('answering from the snapshot on disk until control is heard', { version: snapshot.tables.version })
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      unusable = messageOf(error)
      log.error('the snapshot on disk is not usable; waiting for control', { file, error: unusable })
    }
  }

  const save = () => {
    saveTimer ??= setTimeout(async () => {
      saveTimer = undefined
      if (!snapshot || saving) return save()
      saving = true
      try {
        await writeSnapshotFile(file, snapshot)
        keeping.worked()
      } catch (error) {
        keeping.failed(messageOf(diskProblem(error, options.folder) ?? error), { file })
        setTimeout(save, SAVE_AGAIN_MS).unref()
      } finally {
        saving = false
      }
    }, SAVE_AFTER_MS)
    saveTimer.unref()
  }

  const swap = (next: Snapshot) => {
    snapshot = next
    source = 'feed'
    for (const listener of listeners) listener(next.tables)
    save()
  }

  const acknowledge = (epoch: string, version: number, status: 'ack' | 'nack', reason?: string) => {
    // A request that has just been given its instance by the snapshot of before is counted by then.
    setImmediate(() => {
      const busy = options.busy()
      saidBusy = busy.length > 0
      send({ gateway, boot, epoch, version, status, reason, busy })
    })
  }
  const send = (ack: FeedAck) => {
    const req = request(requestOptions(options.control, options.feedToken, 'POST', '/feed/ack'), (res) => res.resume())
    req.on('error', () => undefined) // control is gone; the next connection acknowledges anew
    req.end(JSON.stringify(ack))
  }

  /** One connection, until it ends. */
  const follow = async (): Promise<void> => {
    const query = new URLSearchParams({ gateway, boot })
    if (snapshot && source === 'feed') {
      query.set('epoch', snapshot.tables.epoch)
      query.set('version', String(snapshot.tables.version))
    }
    const abort = new AbortController()
    const onClose = () => abort.abort()
    closing.signal.addEventListener('abort', onClose)
    let silence = setTimeout(() => abort.abort(new Error('control is silent')), SILENCE_MS)
    try {
      const stream = await openStream({
        ...requestOptions(options.control, options.feedToken, 'GET', `/feed?${query}`),
        signal: abort.signal,
      })
      connected = true
      said = ''
      let building: { builder: SnapshotBuilder; head: Extract<FeedLine, { type: 'whole' }> } | undefined
      let acked = false
      for await (const text of readLines(stream)) {
        lastHeard = clock.monotonic()
        clearTimeout(silence)
        silence = setTimeout(() => abort.abort(new Error('control is silent')), SILENCE_MS)
        const line = JSON.parse(text) as FeedLine
        switch (line.type) {
          case 'whole':
            building = { builder: new SnapshotBuilder(), head: line }
            break
          case 'entry':
            building?.builder.add(line.key, line.value)
            break
          case 'end':
            if (!building) throw new Error('an end without a beginning')
            try {
              swap(building.builder.finish(building.head))
            } catch (error) {
              acknowledge(building.head.epoch, line.version, 'nack', messageOf(error))
              throw error
            }
            acknowledge(building.head.epoch, line.version, 'ack')
            acked = true
            building = undefined
            break
          case 'delta':
            if (!snapshot || snapshot.tables.epoch !== line.epoch || snapshot.tables.version !== line.base) {
              source = 'disk' // ask for the whole when connecting again
              throw new Error(`a gap: the delta starts from ${line.base}`)
            }
            try {
              swap(applyDelta(snapshot, line))
            } catch (error) {
              source = 'disk'
              acknowledge(line.epoch, line.version, 'nack', messageOf(error))
              throw error
            }
            acknowledge(line.epoch, line.version, 'ack')
            acked = true
            break
          case 'ping':
            // Also while control waits for requests to end: what was said of that may have been lost.
            if ((!acked || saidBusy) && snapshot && source === 'feed') acknowledge(snapshot.tables.epoch, snapshot.tables.version, 'ack')
            acked = true
            break
          default:
            line satisfies never
        }
      }
    } finally {
      clearTimeout(silence)
      closing.signal.removeEventListener('abort', onClose)
      connected = false
    }
  }

  const run = async () => {
    while (!closing.signal.aborted) {
      try {
        await follow()
      } catch (error) {
        const what = messageOf(error)
        if (!closing.signal.aborted && what !== said)
          log.warn('no snapshot feed from control; answering from the last one', { error: what })
        said = what
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS))
    }
  }
  void run()

  return {
    tables: () => snapshot?.tables ?? EMPTY_TABLES,
    status: () => ({ version: snapshot?.tables.version ?? 0, epoch: snapshot?.tables.epoch ?? '', source, connected, lastHeard }),
    troubles: () => [
      ...(unusable === undefined ? [] : [`The snapshot on disk could not be used at the last start: ${unusable}.`]),
      ...(keeping.trouble === undefined ? [] : [`The snapshot cannot be kept on disk: ${keeping.trouble}`]),
    ],
    onSwap: (listener) => void listeners.push(listener),
    tell() {
      if (connected && snapshot && source === 'feed') acknowledge(snapshot.tables.epoch, snapshot.tables.version, 'ack')
    },
    close: () => closing.abort(),
  }
}

function requestOptions(control: Address, feedToken: string, method: string, path: string) {
  const where = 'socketPath' in control ? { socketPath: control.socketPath } : { host: control.host, port: control.port }
  return { ...where, method, path, headers: { authorization: `Bearer ${feedToken}`, 'content-type': 'application/json' } }
}

function openStream(options: RequestOptions): Promise<AsyncIterable<Uint8Array>> {
  return new Promise((resolve, reject) => {
    const req = request(options, (res) => {
      if (res.statusCode === 200) return resolve(res)
      res.resume()
      reject(new Error(`control answered ${res.statusCode}`))
    })
    req.on('error', reject)
    req.end()
  })
}
