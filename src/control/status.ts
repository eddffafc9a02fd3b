/** What `GET /api/v1alpha1/status` answers: the whole system at one glance, for `strata status`, `strata up` and the console. Types only. */
import type { ProcessStatus } from '../kernel/supervision.ts'
import type { Status } from '../resources/index.ts'
import type { InstanceLoad, InstanceReport } from '../serving/instances/index.ts'
import type { GatewayFeedStatus } from './feed/index.ts'

export interface InstanceStatus {
  readonly id: string
  readonly state: InstanceReport['state']
  readonly runtime: 'process' | 'docker'
  readonly simulated: boolean
  readonly restarts: number
  /** Milliseconds since the epoch: since when it is in this state. */
  readonly since: number
  /** What it is doing, or what is wrong with it. */
  readonly message?: string
  /** Its states, the last one last; `at` in milliseconds since the epoch. */
  readonly changes: InstanceReport['changes']
  readonly load?: InstanceLoad
}

export interface VersionStatus {
  readonly name: string
  readonly namespace: string
  readonly model: string
  readonly version: string
  readonly engine: 'llama' | 'simulated' | 'image' | 'backend'
  readonly state: NonNullable<Status<'ModelVersion'>['state']>
  readonly message?: string
  /** The simulated engine stands in while the weights are missing. */
  readonly simulated: boolean
  /** `receivedBytes` is there while a download runs. */
  readonly weights?: Status<'ModelVersion'>['weights'] & { readonly file?: string }
  readonly instances: {
    readonly wanted: number
    readonly ready: number
    readonly list: readonly InstanceStatus[]
    /** Those that have left within the last minute. */
    readonly left: readonly InstanceStatus[]
  }
}

export interface Warning {
  readonly code:
    | 'simulated'
    | 'weights'
    | 'version_failed'
    | 'gateway_behind'
    | 'no_gateway'
    | 'no_supervisor'
    | 'restarting'
    | 'backend'
    | 'gateway'
    | 'disk'
    | 'clock'
  readonly message: string
  readonly advice?: string
}

export interface SystemStatus {
  /** Of the program. */
  readonly version: string
  /** ISO 8601: when this control process started. */
  readonly startedAt: string
  readonly gatewayUrl: string
  readonly store: { readonly kind: 'pglite' | 'postgres'; readonly id: string; readonly resourceVersion: string }
  readonly snapshot: { readonly version: number }
  /** Prompts go into the request records. */
  readonly recordsPrompts: boolean
  /** From the supervisor; empty where there is none (a container each). */
  readonly processes: readonly ProcessStatus[]
  readonly gateways: readonly GatewayFeedStatus[]
  /** Until this control process has looked at the versions for the first time they are as the one before it left them. */
  readonly versionsKnown: boolean
  readonly versions: readonly VersionStatus[]
  readonly warnings: readonly Warning[]
}
