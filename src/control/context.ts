/** What the parts of control share. Made once in main.ts. */
import type { Clock } from '../kernel/clock.ts'
import type { Credentials } from '../kernel/credentials.ts'
import type { Home } from '../kernel/home.ts'
import type { Log } from '../kernel/log.ts'
import type { ProcessStatus } from '../kernel/supervision.ts'
import type { Autoscaler } from '../orchestration/autoscaler/index.ts'
import type { Experiments } from '../orchestration/experiments/index.ts'
import type { Rollouts } from '../orchestration/rollouts/index.ts'
import type { Instances } from '../serving/instances/index.ts'
import type { Store } from '../store/index.ts'
import type { SnapshotFeed } from './feed/index.ts'
import type { RecordStream } from './records/index.ts'
import type { WatchHub } from './watch.ts'

export interface ControlContext {
  /** Of the program. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly home: Home
  readonly clock: Clock
  readonly log: Log
  readonly credentials: Credentials
  readonly store: Store
  readonly feed: SnapshotFeed
  readonly instances: Instances
  readonly rollouts: Pick<Rollouts, 'act'>
  readonly autoscaler: Pick<Autoscaler, 'report'>
  readonly experiments: Pick<Experiments, 'stop'>
  /** What the supervisor runs; undefined where there is none. */
  processes(): readonly ProcessStatus[] | undefined
  readonly watch: WatchHub
  readonly records: RecordStream
  /** Set where `strata up --record-prompts` says so: the gateways put prompts into the request records. */
  readonly recordPrompts?: { readonly maxBytes: number }
  /** Base address of the gateway, as control reaches it. */
  readonly gatewayUrl: string
  /** The certificate that control and gateways serve, where they have TLS. */
  readonly tlsCertFile?: string
  /** Base address of the console, as a person opens it. */
  readonly consoleUrl: string
  /** Host of `--host`, port and whether TLS is on: for cookies and the list of allowed hosts. */
  readonly listen: { readonly host: string; readonly port: number; readonly tls: boolean }
  /** Aborted when control drains: ends open streams. */
  readonly closing: AbortSignal
}
