/**
 * The control process: store, API and console, snapshot feed, instances. Gateways and engines go on without it, so it may be killed at any
 * time; whatever it needs to go on stands in the store or is asked of the supervisor.
 */
import { readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { runAsChild } from '../kernel/child.ts'
import { systemClock } from '../kernel/clock.ts'
import { readCredentials } from '../kernel/credentials.ts'
import { messageOf, StrataError, systemCode } from '../kernel/errors.ts'
import { homeAt, makeHome } from '../kernel/home.ts'
import { createLog } from '../kernel/log.ts'
import { createInstances } from '../serving/instances/index.ts'
import { fetchWeights } from '../serving/weights/index.ts'
import { openStore } from '../store/index.ts'
import { bootstrap } from './bootstrap.ts'
import type { ControlContext } from './context.ts'
import { createSnapshotFeed } from './feed/index.ts'
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
/** How long an instance that leaves waits for the gateways' word that they send it nothing more. */
const CONFIRM_MS = 1_000

export async function runControl(options: ControlOptions): Promise<void> {
  const home = homeAt()
  makeHome(home)
  const clock = systemClock
  const log = createLog('control')
  const credentials = readCredentials(home)
  if (!credentials)
    throw new StrataError('no_credentials', `There are no credentials in ${home.root}.`, { advice: 'Start the system with `strata up`.' })

  let drain: (() => Promise<void>) | undefined
  const child = runAsChild(async () => drain?.())
  const store = await openStore({ home, log, databaseUrl: process.env.STRATA_DATABASE_URL }).catch((error: unknown) => {
    child.failed(messageOf(error))
    throw error
  })
  void store.lost.then((error) => {
    // Another control may write by now; whatever this one would still do is wrong.
    log.error('the database is lost; leaving', { error: messageOf(error) })
    process.exit(1)
  })
  await bootstrap(store, credentials, process.env.STRATA_BOOTSTRAP)

  const feed = createSnapshotFeed({ feedToken: credentials.feedToken, log })
  const publisher = createPublisher(store.resources, feed, {
    kind: 'settings',
    gateways: options.gateways,
    maxBodyBytes: MOST_GATEWAY_BODY_BYTES,
  })
  const instances = createInstances({
    store,
    home,
    log,
    clock,
    fetch: (weights, { signal, onProgress }) => fetchWeights(weights, { home, signal, onProgress }),
    publish: async (all) => void (await feed.acked(publisher.instances(all), CONFIRM_MS)),
  })
  const reconciler = createReconciler({ store, log, clock })
  const records = await openRecords({ folder: home.records, store, clock, log })
  const watch = createWatchHub(store.resources)
  const closing = new AbortController()
  const shownHost = ['0.0.0.0', '::', ''].includes(options.host)
    ? 'localhost'
    : options.host.includes(':')
      ? `[${options.host}]`
      : options.host
  const context: ControlContext = {
    version: programVersion(),
    startedAt: clock.now(),
    home,
    clock,
    log,
    credentials,
    store,
    feed,
    instances,
    watch,
    records,
    gatewayUrl: options.gatewayUrl ?? credentials.gatewayUrl ?? 'http://127.0.0.1:7400',
    consoleUrl: `${options.tls ? 'https' : 'http'}://${shownHost}:${options.port}`,
    listen: { host: options.host, port: options.port, tls: options.tls !== undefined },
    closing: closing.signal,
  }
  const tls = options.tls && { cert: readFileSync(options.tls.certFile), key: readFileSync(options.tls.keyFile) }
  const app = createServer(context, tls)
  const feedSocket = home.socket('control')
  const feedServer = createHttpServer((req, res) => feed.handle(req, res))

  drain = async () => {
    closing.abort()
    await app.close()
    feed.close()
    feedServer.closeAllConnections()
    feedServer.close()
    publisher.close()
    watch.close()
    await reconciler.close()
    await instances.close()
    await records.close()
    await store.close()
  }

  try {
    await app.listen({ host: options.host, port: options.port })
    rmSync(feedSocket, { force: true }) // a dead control's: the database lock is ours
    await new Promise<void>((resolve, reject) => {
      feedServer.once('error', reject)
      feedServer.listen(feedSocket, resolve)
    })
  } catch (error) {
    const message =
      systemCode(error) === 'EADDRINUSE' ? `Port ${options.port} is taken. Start with another one: STRATA_CONSOLE_PORT.` : messageOf(error)
    child.failed(message)
    throw error
  }
  child.ready()
  publisher.first(await instances.look())
  instances.start()
  reconciler.start()
  log.info('ready', { console: context.consoleUrl, store: store.kind, resources: store.resources.resourceVersion() })
}

function programVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
