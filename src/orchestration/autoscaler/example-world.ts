/** An autoscaler for its tests: a clock of its own, a store in memory, and instances that are ready a moment after they were wanted. */
import { manualClock } from '../../kernel/clock.ts'
import { createLog } from '../../kernel/log.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { Resource, Spec } from '../../resources/index.ts'
import { modelVersion } from '../../resources/model-version.ts'
import { API_VERSION } from '../../resources/scalars.ts'
import type { ResourceEvent, ScalingDecision, ScalingPoint } from '../../store/index.ts'
import { type Autoscaler, createAutoscaler } from './index.ts'
import type { ReportedInstance } from './seen.ts'

export type Version = Resource<'ModelVersion'>

export const versionOf = (scaling: object, uid = 'uid'): Version => ({
  apiVersion: API_VERSION,
  kind: 'ModelVersion',
  metadata: { name: 'v', namespace: 'default', uid, generation: 1 },
  spec: modelVersion.spec.parse({ model: 'm', version: 'v', source: { engine: { kind: 'simulated' } }, scaling }) as Spec<'ModelVersion'>,
})

export class World {
  readonly clock = manualClock()
  versions: Version[] = []
  readonly kept = new Map<string, string>()
  readonly decisions: ScalingDecision[] = []
  readonly points = new Map<string, ScalingPoint>()
  broken = false
  gateways: { id: string; boot: string; connected: boolean }[] = [{ id: 'g', boot: 'b', connected: true }]
  running = 0
  seq = 0
  control!: Autoscaler
  #listener: (events: readonly ResourceEvent[]) => void = () => undefined

  constructor(...versions: Version[]) {
    this.versions = versions
    this.start()
  }

  get version(): Version {
    return this.versions[0]!
  }

  start(): void {
    const last = new Map(this.decisions.map((decision) => [decision.uid, decision]))
    const alive = () => {
      if (this.broken) throw new Error('the disk is full')
    }
    this.control = createAutoscaler({
      resources: {
        list: () => this.versions as never,
        onChange: (listener) => {
          this.#listener = listener as never
          return () => undefined
        },
      },
      decided: {
        addDecision: async (decision) => {
          alive()
          this.decisions.push(decision)
        },
        putPoint: async (point) => {
          alive()
          this.points.set(`${point.uid} ${point.at}`, point)
        },
        forget: async (uid) => void this.decisions.splice(0, this.decisions.length, ...this.decisions.filter((each) => each.uid !== uid)),
      },
      gateways: () => this.gateways,
      instances: () => Array.from({ length: this.running }, (_, i) => ready(`v-${i}`)),
      ...{ kept: new Map(this.kept), lastDecisions: last, clock: this.clock, log: createLog('test', () => undefined) },
    })
  }

  /** What the reader of the records does with each mark. */
  commit(): void {
    for (const [key, text] of this.control.fold.take()) {
      if (text === undefined) this.kept.delete(key)
      else this.kept.set(key, text)
    }
  }

  /** A request that goes on; it comes and is read now. */
  request(id: string): void {
    const time = new Date(this.clock.now()).toISOString()
    const record = { type: 'started', id, gateway: 'g', boot: 'b', seq: this.seq++, time, after: 100, namespace: 'default', assigned: 'v' }
    this.control.fold.add(record as unknown as RequestRecord)
  }

  end(id: string, total = 1_000): void {
    const time = new Date(this.clock.now()).toISOString()
    const about = { type: 'finished', id, gateway: 'g', boot: 'b', seq: this.seq++, time, namespace: 'default', assigned: 'v' }
    this.control.fold.add({ ...about, attempts: [{}], outcome: 'ok', times: { total } } as unknown as RequestRecord)
  }

  async round(ms = 2_000): Promise<number> {
    this.clock.advance(ms)
    await this.control.round()
    this.running = this.control.wanted(this.version)
    return this.running
  }

  tell(type: ResourceEvent['type'], resource: Version): void {
    this.#listener([{ type, resource }] as never)
  }
}

const ready = (id: string): ReportedInstance => ({
  ...{ instance: { id, uid: 'uid', sequences: 16 }, state: 'ready', since: 0, changes: [{ state: 'ready', at: 0 }] },
})
