/** What one gateway process shares between its requests. */
import type { Clock } from '../kernel/clock.ts'
import type { Deadlines } from '../kernel/deadlines.ts'
import type { Log } from '../kernel/log.ts'
import type { RecordWriter } from '../monitoring/records/writer.ts'
import type { Holds } from './hold.ts'
import type { InstanceTracker } from './instances.ts'
import type { Limiter } from './limits/index.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { SnapshotFollower } from './snapshot/feed.ts'
import type { Upstreams } from './upstream/index.ts'

export interface GatewayContext {
  readonly id: string
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly log: Log
  readonly snapshots: Pick<SnapshotFollower, 'tables' | 'status'>
  readonly limiter: Limiter
  readonly tracker: InstanceTracker
  readonly holds: Holds
  readonly upstreams: Upstreams
  readonly records: RecordWriter
  readonly metrics: GatewayMetrics
  /** How long a request waits for an instance when none is ready, milliseconds. */
  readonly coldWaitMs: number
}
