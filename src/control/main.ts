/**
 * The control process: store, API and console, snapshot feed, instances. Gateways and engines go on without it, so it may be killed at any
 * time; whatever it needs to go on stands in the store or is asked of the supervisor.
 */
import { readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { runAsChild } from '../kernel/child.ts'
import { systemClock } from '../kernel/clock.ts'
import { watchClock } from '../kernel/clock-watch.ts'
import { limitConnections } from '../kernel/connection-limit.ts'
import { readCredentials } from '../kernel/credentials.ts'
import { messageOf, StrataError, systemCode } from '../kernel/errors.ts'
import { homeAt, makeHome } from '../kernel/home.ts'
import { createLog } from '../kernel/log.ts'
import { programVersion } from '../kernel/program-version.ts'
import { createAutoscaler, KEPT_PREFIX } from '../orchestration/autoscaler/index.ts'
import { createExperiments } from '../orchestration/experiments/index.ts'
import { createRollouts } from '../orchestration/rollouts/index.ts'
import { memoryHere } from '../serving/engines/memory.ts'
import { connectInstance } from '../serving/instances/clients.ts'
import type { RuntimeName } from '../serving/instances/identity.ts'
import { createInstances } from '../serving/instances/index.ts'
import { runtimesHere } from '../serving/runtimes/index.ts'
import type { Runtime } from '../serving/runtimes/port.ts'
import { fetchWeights } from '../serving/weights/index.ts'
import { openStore } from '../store/index.ts'
import { bootstrap } from './bootstrap.ts'
import type { ControlContext } from './context.ts'
import { createSnapshotFeed, type SnapshotFeed } from './feed/index.ts'
import { createPublisher } from './publish.ts'
import { createReconciler } from './reconcile/index.ts'
import { openRecords } from './records/index.ts'
import { createServer } from './server.ts'
import { createWatchHub } from './watch.ts'

export interface ControlOptions {
  readonly host: string
  readonly port: number
  /** Gateways that share the limits. */
  readonly gateways: number
  /** Default: the address in the credentials, which the gateway's start has put there. */
  readonly gatewayUrl?: string
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
}

/** Largest request body of the gateway. */
const MOST_GATEWAY_BODY_BYTES = 32 * 1024 * 1024
/** Of each prompt that is recorded, where that is switched on. */
const MOST_PROMPT_BYTES = 16 * 1024
const UPKEEP_MS = 3_600_000

/** Resolves when control answers and the first snapshot is out. The process then runs until it is told to leave. */
export async function runControl(options: ControlOptions): Promise<void> {
  /** What was opened, to be closed in the reverse order. */
  const opened: (() => unknown)[] = []
  const close = async () => {
    for (const each of opened.splice(0).reverse()) await each()
  }
  let stopping = false
  const child = runAsChild(async (_, why) => {
    // A supervisor tells it when all stops; without one it is control alone that is stopped.
    stopping = why === 'told' && process.send !== undefined
    await close()
  })
  try {
    await start(
      options,
      (each) => opened.push(each),
      child.ready,
      () => stopping,
    )
  } catch (error) {
    createLog('control').error('control cannot start', { error: messageOf(error) })
    child.failed(messageOf(error))
    await close()
    if (!process.send) throw error
    await sleep(100) // what was said to the supervisor travels over IPC: exiting at once would cut it off
    process.exit(1)
  }
}

async function start(
  options: ControlOptions,
  onClose: (close: () => unknown) => void,
  ready: () => void,
  isStopping: () => boolean,
): Promise<void> {
  const home = homeAt()
  makeHome(home)
  const clock = systemClock
  const log = createLog('control')
  const credentials = readCredentials(home)
  if (!credentials)
    throw new StrataError('no_credentials', `There are no credentials in ${home.root}.`, { advice: 'Start the system with `strata up`.' })

  const store = await openStore({ home, log, databaseUrl: process.env.STRATA_DATABASE_URL })
  onClose(store.close)
  void store.lost.then((error) => {
    // Another control may write by now; whatever this one would still do is wrong.
    log.error('the database is lost; leaving', { error: messageOf(error) })
    process.exit(1)
  })
  const upkeep = setInterval(() => {
    store
      .upkeep()
      .catch((error: unknown) => log.warn('the database could not be tidied; the next try is in an hour', { error: messageOf(error) }))
  }, UPKEEP_MS)
  onClose(() => clearInterval(upkeep))
  onClose(watchClock(clock, log))
  await bootstrap(store, credentials, process.env.STRATA_BOOTSTRAP)

  const rollouts = createRollouts({ resources: store.resources, kept: await store.usage.kept('rollout/'), clock, log })
  onClose(rollouts.close)
  const experiments = createExperiments({ resources: store.resources, kept: await store.usage.kept('experiment/'), clock, log })
  onClose(experiments.close)
  const autoscaler = createAutoscaler({
    ...{ resources: store.resources, decided: store.scaling, clock, log },
    kept: await store.usage.kept(KEPT_PREFIX),
    lastDecisions: await store.scaling.lastDecisions(),
    instances: () => instances.report().instances,
    gateways: () => feed.gateways(),
  })
  onClose(autoscaler.close)
  const records = await openRecords({ folder: home.records, store, clock, log, kept: [rollouts.fold, experiments.fold, autoscaler.fold] })
  onClose(records.close)
  const feed = createSnapshotFeed({ feedToken: credentials.feedToken, gateways: options.gateways, log })
  const recordPrompts = process.env.STRATA_RECORD_PROMPTS === '1' ? { maxBytes: MOST_PROMPT_BYTES } : undefined
  const publisher = createPublisher(store.resources, feed, {
    kind: 'settings',
    gateways: options.gateways,
    maxBodyBytes: MOST_GATEWAY_BODY_BYTES,
    ...(recordPrompts ? { recordPrompts } : {}),
  })
  onClose(publisher.close)
  const runtimes = runtimesHere({ home, owner: store.id, network: process.env.STRATA_DOCKER_NETWORK, clock, log })
  const instances = createInstances({
    ...{ store, home, log, clock },
    platformImage: process.env.STRATA_IMAGE ?? `strata:${programVersion()}`,
    runtimes: new Map(Object.entries(runtimes) as [RuntimeName, Runtime][]),
    connect: connectInstance,
    memoryBytes: memoryHere().total,
    fetch: (weights, { signal, onProgress }) => fetchWeights(weights, { home, signal, onProgress }),
    publish: publisher.instances,
    gateways: () => feed.gateways().filter(({ connected }) => connected).length,
    idle: feed.idle,
    wanted: autoscaler.wanted,
    scaling: autoscaler.status,
  })
  autoscaler.onWanted(instances.wantedChanged)
  onClose(() => instances.close(isStopping()))
  onClose(feed.onAck(instances.gatewaySaid))
  const reconciler = createReconciler({ store, log, clock })
  onClose(reconciler.close)
  const watch = createWatchHub(store.resources)
  onClose(watch.close)

  const closing = new AbortController()
  const context: ControlContext = {
    version: programVersion(),
    startedAt: clock.now(),
    ...{ home, clock, log, credentials, store, feed, instances, autoscaler, rollouts, experiments, watch, records, recordPrompts },
    processes: runtimes.process.processes,
    gatewayUrl: options.gatewayUrl ?? credentials.gatewayUrl ?? 'http://127.0.0.1:7400',
    tlsCertFile: options.tls?.certFile,
    consoleUrl: consoleUrl(options),
    listen: { host: options.host, port: options.port, tls: options.tls !== undefined },
    closing: closing.signal,
  }
  const tls = options.tls && { cert: readFileSync(options.tls.certFile), key: readFileSync(options.tls.keyFile) }
  const app = createServer(context, tls)
  onClose(async () => {
    closing.abort()
    await app.close()
  })
  limitConnections(app.server, {
    log,
    clock,
    filesEach: 2, // its own and one to the gateway, where the console's playground asks it
    encrypted: tls !== undefined,
    refusal: (message) => ({ error: { code: 'too_many_connections', message } }),
  })
  await listenForPeople(app, options)
  await listenForGateways(feed, home.socket('control'), onClose)
  ready()

  publisher.first(await instances.look())
  instances.start()
  reconciler.start()
  autoscaler.start()
  rollouts.start()
  experiments.start()
  log.info('ready', { console: context.consoleUrl, store: store.kind, resources: store.resources.resourceVersion() })
}

async function listenForPeople(app: FastifyInstance, { host, port }: ControlOptions): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE') throw error
    throw new StrataError('port_taken', `Port ${port} is taken.`, { advice: 'Choose another one for the console: STRATA_CONSOLE_PORT.' })
  }
}

async function listenForGateways(feed: SnapshotFeed, socketPath: string, onClose: (close: () => unknown) => void): Promise<void> {
  const server = createHttpServer((req, res) => feed.handle(req, res))
  rmSync(socketPath, { force: true }) // a dead control's: the database lock is ours
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  onClose(() => {
    feed.close()
    server.closeAllConnections()
    server.close()
  })
}

function consoleUrl({ host, port, tls }: ControlOptions): string {
  const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `${tls ? 'https' : 'http'}://${shown}:${port}`
}
