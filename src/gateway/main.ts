/**
 * A gateway process: the data plane, one event loop. Follows control's snapshots, answers requests, writes records. It goes on without
 * control, and drains when it is told to or when its supervisor is gone.
 */
import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import type { Address } from '../kernel/address.ts'
import { runAsChild } from '../kernel/child.ts'
import { systemClock } from '../kernel/clock.ts'
import { limitConnections } from '../kernel/connection-limit.ts'
import { readCredentials } from '../kernel/credentials.ts'
import { createDeadlines } from '../kernel/deadlines.ts'
import { StrataError } from '../kernel/errors.ts'
import { type Home, homeAt, makeHome } from '../kernel/home.ts'
import { createLog, type Log } from '../kernel/log.ts'
import { Metrics } from '../monitoring/metrics/index.ts'
import { addProcessMetrics } from '../monitoring/metrics/process.ts'
import { nextBoot } from '../monitoring/records/boot.ts'
import { createRecordWriter } from '../monitoring/records/writer.ts'
import { openAIError } from '../wire/openai/errors.ts'
import type { GatewayContext } from './context.ts'
import { createHolds, type Holds } from './hold.ts'
import { createInstanceTracker } from './instances.ts'
import { createLimiter } from './limits/index.ts'
import { gatewayMetrics } from './metrics.ts'
import { createGatewayServer } from './server.ts'
import { followSnapshots, type SnapshotFollower } from './snapshot/feed.ts'
import { createUpstreams } from './upstream/index.ts'

export interface GatewayOptions {
  /** "gateway-0", "gateway-1", …: the number says which share of the limits is its own. */
  readonly id: string
  readonly host: string
  readonly port: number
  /** Gateways that share the port. More than one wants Linux (SO_REUSEPORT). */
  readonly gateways: number
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
  readonly corsOrigins?: readonly string[]
  /** Where control's feed is; default: the home's own socket. */
  readonly control?: Address
  readonly coldWaitMs?: number
}

const COLD_WAIT_MS = 10_000

export interface RunningGateway {
  /** Where it really listens; with port 0 the system's choice. */
  readonly port: number
  /** Settles when a request would be answered: at once with a snapshot on disk, else when control was heard first. */
  readonly ready: Promise<void>
  /** Stops listening; running requests may end within `timeoutMs`, the rest is told and cut. */
  drain(timeoutMs: number): Promise<void>
}

/** Puts a gateway together and listens. */
export async function startGateway(options: GatewayOptions, home: Home, feedToken: string, log: Log): Promise<RunningGateway> {
  const clock = systemClock
  const boot = nextBoot(home.records, options.id, clock.now())
  const registry = new Metrics({ gateway: options.id })
  addProcessMetrics(registry)

  const control = options.control ?? { socketPath: home.socket('control') }
  const tracker = createInstanceTracker(
    clock,
    () => snapshots.tell(),
    () => holds.onRelease(),
  )
  const busy = () => tracker.busy()
  const snapshots: SnapshotFollower = followSnapshots({ gateway: options.id, boot, control, feedToken, folder: home.snapshots, log, busy })
  snapshots.onSwap((tables) => tracker.keepOnly(tables))
  const records = createRecordWriter({ folder: home.records, gateway: options.id, boot, log })
  const limiter = createLimiter({
    clock,
    gateways: () => Math.max(options.gateways, snapshots.tables().settings.gateways),
    index: Number(/\d+$/.exec(options.id)?.[0] ?? 0),
  })
  const deadlines = createDeadlines(clock)
  const upstreams = createUpstreams(clock, deadlines)
  const metrics = gatewayMetrics(registry)
  const holds: Holds = createHolds({ clock, deadlines, tracker, tables: snapshots.tables, metrics: metrics.holds })
  snapshots.onSwap(holds.onSwap)
  registry.computed('strata_snapshot_version', 'Version of the snapshot that runs.', () => snapshots.status().version)
  registry.computed('strata_snapshot_connected', '1 while control is heard.', () => (snapshots.status().connected ? 1 : 0))
  registry.computed('strata_records_dropped_total', 'Request records that the disk did not take.', () => records.dropped(), 'counter')
  registry.computed('strata_instances_ejected', 'Instances that are left out after failures.', () => tracker.ejected())
  registry.computed('strata_limit_buckets', 'Buckets of limits in memory.', () => limiter.size())

  const context: GatewayContext = {
    id: options.id,
    clock,
    deadlines,
    log,
    snapshots,
    limiter,
    tracker,
    holds,
    upstreams,
    records,
    metrics,
    coldWaitMs: options.coldWaitMs ?? COLD_WAIT_MS,
  }
  const tls = options.tls ? { cert: readFileSync(options.tls.certFile), key: readFileSync(options.tls.keyFile) } : undefined
  const gateway = createGatewayServer(context, { tls, corsOrigins: options.corsOrigins ?? [], registry })

  const connections = limitConnections(gateway.server, {
    log,
    clock,
    filesEach: 2, // its own and the one to the engine
    encrypted: tls !== undefined,
    idleSince: gateway.idleSince,
    refusal: (message) => openAIError('service_unavailable_error', message, 'too_many_connections'),
  })
  registry.computed(
    'strata_connections_refused_total',
    'Connections beyond the limit of open files.',
    () => connections.refused(),
    'counter',
  )
  const troubles = () => {
    const [records_, files] = [records.trouble(), connections.trouble()]
    return [
      ...snapshots.troubles(),
      ...(records_ === undefined ? [] : [`Request records are dropped (${records.dropped()} so far): ${records_}`]),
      ...(files === undefined ? [] : [files]),
    ]
  }

  const adminSocket = home.socket(options.id)
  rmSync(adminSocket, { force: true }) // of a gateway that was killed
  const admin = createServer((req, res) => {
    const said =
      req.url === '/status'
        ? { id: options.id, boot, pid: process.pid, snapshot: snapshots.status(), recordsDropped: records.dropped(), troubles: troubles() }
        : req.url === '/limits'
          ? { limits: limiter.report(Array.from(snapshots.tables().limit, ([, limit]) => limit)) }
          : undefined
    res.writeHead(200, { 'content-type': said ? 'application/json' : 'text/plain; version=0.0.4' })
    res.end(said ? JSON.stringify(said) : registry.text())
  })

  const ready = snapshots.status().source === 'none' ? new Promise<void>((resolve) => snapshots.onSwap(() => resolve())) : Promise.resolve()
  await listen(admin, { path: adminSocket })
  // Where others share the port they get the connections that this one could only refuse.
  if (options.gateways > 1) await ready
  await listen(gateway.server, { host: options.host, port: options.port, reusePort: options.gateways > 1 })
  const { port } = gateway.server.address() as AddressInfo
  log.info('listening', { host: options.host, port, boot })

  return {
    port,
    ready,
    async drain(timeoutMs) {
      const { idle, cut } = gateway.drain()
      const timer = setTimeout(cut, Math.max(0, timeoutMs - 500))
      await idle
      clearTimeout(timer)
      // Those that were cut write their records a few steps later.
      await new Promise((resolve) => setImmediate(resolve))
      snapshots.close()
      admin.close()
      await Promise.all([records.close(), upstreams.close()])
    },
  }
}

export async function runGateway(options: GatewayOptions): Promise<void> {
  if (options.gateways > 1 && process.platform !== 'linux')
    throw new StrataError('no_reuse_port', 'Several gateways on one port need Linux (SO_REUSEPORT).', {
      advice: 'Start with --gateways 1.',
    })
  const home = homeAt()
  makeHome(home)
  const credentials = readCredentials(home)
  if (!credentials)
    throw new StrataError('no_credentials', `There are no credentials in ${home.root}.`, { advice: 'Start the system with `strata up`.' })
  let gateway: RunningGateway | undefined
  const child = runAsChild(async (timeoutMs) => gateway?.drain(timeoutMs))
  gateway = await startGateway(options, home, credentials.feedToken, createLog(options.id))
  await gateway.ready
  child.ready()
}

function listen(server: Server, where: { path: string } | { host: string; port: number; reusePort: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
