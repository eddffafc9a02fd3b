/** A control without processes, for tests of its API: a store in memory, no supervisor, no gateway unless one is given. */
import { type Clock, manualClock } from '../kernel/clock.ts'
import { homeAt } from '../kernel/home.ts'
import { createLog } from '../kernel/log.ts'
import type { RequestRecord } from '../monitoring/request-records.ts'
import { type Autoscaler, createAutoscaler } from '../orchestration/autoscaler/index.ts'
import { createExperiments } from '../orchestration/experiments/index.ts'
import { createRollouts } from '../orchestration/rollouts/index.ts'
import type { Connection } from '../store/connection.ts'
import { assemble } from '../store/index.ts'
import { migrate } from '../store/migrate.ts'
import { openScratch } from '../store/pglite.ts'
import type { ControlContext } from './context.ts'
import { createSnapshotFeed } from './feed/index.ts'
import { createKeyUses } from './records/key-uses.ts'
import { createRefusals } from './records/refusals.ts'
import { createTrafficWindow } from './records/traffic.ts'
import { createWatchHub } from './watch.ts'

export interface ExampleControl {
  readonly context: ControlContext
  readonly autoscaler: Autoscaler
  readonly clock: Clock & { advance(ms: number): void }
  /** As if a gateway had written it. */
  record(record: RequestRecord): void
  drain(): void
  close(): Promise<void>
}

/** `connection`: a database that outlives this control and is emptied for it; making one takes seconds. */
export async function exampleControl(options: { gatewayUrl?: string; connection?: Connection } = {}): Promise<ExampleControl> {
  const clock = manualClock()
  const log = createLog('test', () => undefined)
  const connection = options.connection ?? (await openScratch())
  if (options.connection) {
    await connection.script('drop schema public cascade; create schema public')
    await migrate(connection, 0, clock.now())
  }
  const store = await assemble(connection, { clock })
  const feed = createSnapshotFeed({ feedToken: 'feed', gateways: 0, log, clock })
  feed.load(new Map())
  const closing = new AbortController()
  const listeners = new Set<(record: RequestRecord) => void>()
  const recent: RequestRecord[] = []
  const window = createTrafficWindow()
  const refusals = createRefusals()
  const keyUses = createKeyUses([])
  const watch = createWatchHub(store.resources, 16)
  const autoscaler = createAutoscaler({
    ...{ resources: store.resources, decided: store.scaling, kept: new Map(), lastDecisions: new Map(), clock, log },
    instances: () => [],
    gateways: () => [],
  })
  const context: ControlContext = {
    version: '0.0.0',
    startedAt: clock.now(),
    home: homeAt('/nonexistent'),
    clock,
    log,
    credentials: { apiKey: 'sk-1', consoleKey: 'sk-console', adminToken: 'admin-token', feedToken: 'feed' },
    store,
    feed,
    instances: {
      look: async () => [],
      start: () => undefined,
      gatewaySaid: () => undefined,
      wantedChanged: () => undefined,
      round: async () => undefined,
      hasLooked: () => true,
      report: () => ({ instances: [], left: [] }),
      logs: async () => undefined,
      weightsOf: () => undefined,
      close: async () => undefined,
    },
    experiments: createExperiments({ resources: store.resources, kept: new Map(), clock, log }),
    rollouts: createRollouts({ resources: store.resources, kept: new Map(), clock, log }),
    autoscaler,
    processes: () => undefined,
    watch,
    records: {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      history: async ({ filter: { matches, from = 0, to = Number.POSITIVE_INFINITY }, limit }) => ({
        items: recent
          .filter((record) => matches(record) && Date.parse(record.time) >= from && Date.parse(record.time) <= to)
          .reverse()
          .slice(0, limit),
      }),
      find: async (id) => recent.filter((record) => record.id === id),
      traffic: () => window.event(clock.now()),
      refusals: async () => refusals.report(clock.now()),
      keyUses: () => keyUses.all(),
      close: async () => undefined,
    },
    gatewayUrl: options.gatewayUrl ?? 'http://127.0.0.1:1',
    consoleUrl: 'http://127.0.0.1:7401',
    listen: { host: '127.0.0.1', port: 7401, tls: false },
    closing: closing.signal,
  }
  return {
    context,
    autoscaler,
    clock,
    record(record) {
      recent.push(record)
      keyUses.add(record)
      if (record.type === 'finished') refusals.add(record)
      for (const listener of listeners) listener(record)
    },
    drain: () => closing.abort(),
    async close() {
      closing.abort()
      feed.close()
      watch.close()
      await autoscaler.close()
      if (!options.connection) await store.close()
    },
  }
}
