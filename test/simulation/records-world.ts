/**
 * A world for what decides by request records: resources, simulated gateways that write them, and a control that is killed at any moment, also between
 * a decision and its record. What was read but not marked is read again.
 */
import { manualClock } from '../../src/kernel/clock.ts'
import type { RequestRecord } from '../../src/monitoring/request-records.ts'
import type { Kind, Resource } from '../../src/resources/index.ts'
import { API_VERSION } from '../../src/resources/scalars.ts'
import type { ResourceStore } from '../../src/store/index.ts'
import { type Chance, chance } from './random.ts'

/** A control that was killed does nothing more, whatever of it still runs. */
export class Killed extends Error {}

export interface Control {
  round(): Promise<void>
  readonly fold: {
    add(record: RequestRecord): void
    take(): ReadonlyMap<string, string | undefined>
    putBack(rows: ReadonlyMap<string, string | undefined>): void
  }
}

interface Line {
  readonly record: RequestRecord
  /** When the gateway has written it. */
  readonly at: number
}

export type Readable = Pick<ResourceStore, 'get' | 'list' | 'setStatus' | 'onChange'>

export const ROUND_MS = 500

export class RecordsWorld<C extends Control> {
  readonly clock = manualClock()
  readonly luck: Chance
  readonly resources = new Map<string, Resource>()
  readonly kept = new Map<string, string>()
  /** What each gateway has written, and how much of it is marked as read. */
  readonly gateways = [
    { name: 'g0', boot: 'b0', seq: 0, lines: [] as Line[], read: 0, marked: 0 },
    { name: 'g1', boot: 'b0', seq: 0, lines: [] as Line[], read: 0, marked: 0 },
  ]
  /** When those came that control has read of. */
  readonly assigned = new Map<string, number>()
  readonly violations: string[] = []
  control: C | undefined
  alive = { dead: false }
  readonly #make: (resources: Readable, kept: ReadonlyMap<string, string>) => C

  constructor(
    seed: number,
    make: (world: { readonly clock: RecordsWorld<C>['clock'] }, resources: Readable, kept: ReadonlyMap<string, string>) => C,
  ) {
    this.luck = chance(seed)
    this.#make = (resources, kept) => make(this, resources, kept)
  }

  put(resource: Resource): void {
    this.resources.set(`${resource.kind}/${resource.metadata.name}`, resource)
  }

  /** As after a kill -9: statuses and what was kept are there, and nothing else. */
  startControl(): void {
    this.alive.dead = true
    const alive = { dead: false }
    this.alive = alive
    for (const gateway of this.gateways) gateway.read = gateway.marked
    const fetch = <K extends Kind>(kind: K, name: string) => this.resources.get(`${kind}/${name}`) as Resource<K> | undefined
    const resources: Readable = {
      get: (kind, _, name) => fetch(kind, name),
      list: (kind) => [...this.resources.values()].filter((each) => each.kind === kind) as never,
      setStatus: async (resource, status) => {
        if (alive.dead) throw new Killed()
        // Killed before it is written, or after: the next control finds either.
        if (this.luck.happens(0.01)) {
          alive.dead = true
          throw new Killed()
        }
        this.put({ ...resource, status } as never)
        if (this.luck.happens(0.01)) {
          alive.dead = true
          throw new Killed()
        }
        return true
      },
      onChange: () => () => undefined,
    }
    this.control = this.#make(resources, new Map(this.kept))
  }

  /** What a gateway writes of one request that comes now. */
  request(
    id: string,
    about: { readonly assigned: string; readonly assignments: readonly object[]; readonly total: number; readonly failed: boolean },
  ): void {
    const gateway = this.gateways[this.luck.between(0, 1)]!
    const at = this.clock.now()
    const { assigned, assignments, total, failed } = about
    const common = { id, gateway: gateway.name, assigned, assignments, namespace: 'default', route: 'r' }
    const write = (after: number, record: object) =>
      gateway.lines.push({
        at: at + after,
        record: { ...common, boot: gateway.boot, seq: gateway.seq++, time: new Date(at + after).toISOString(), ...record } as never,
      })
    if (total > 100) write(100, { type: 'started', after: 100 })
    const outcome = failed ? 'upstream_error' : 'ok'
    write(total, { type: 'finished', served: assigned, outcome, status: failed ? 500 : 200, attempts: [], times: { total } })
  }

  /** A gateway writes in the order of time, and numbers what it writes in that order. */
  inOrder(): void {
    for (const gateway of this.gateways) {
      const written = gateway.lines.slice(0, gateway.read)
      const rest = gateway.lines.slice(gateway.read).sort((a, b) => a.at - b.at)
      gateway.lines = [...written, ...rest].map(({ at, record }, seq) => ({ at, record: { ...record, seq } }))
    }
  }

  /** Control reads what is written by now, and now and then marks how far it has come. */
  read(): void {
    for (const gateway of this.gateways) {
      while (gateway.read < gateway.lines.length && gateway.lines[gateway.read]!.at + 300 <= this.clock.now()) {
        const { record } = gateway.lines[gateway.read++]!
        if (record.type === 'finished' && record.assignments?.length)
          this.assigned.set(record.id, Date.parse(record.time) - record.times.total)
        this.control!.fold.add(record)
      }
      if (!this.luck.happens(0.2)) continue
      const rows = this.control!.fold.take()
      if (this.luck.happens(0.1)) {
        this.control!.fold.putBack(rows)
        continue
      }
      for (const [key, value] of rows) {
        if (value === undefined) this.kept.delete(key)
        else this.kept.set(key, value)
      }
      gateway.marked = gateway.read
    }
  }

  /** Time goes on, the version comes and goes, requests come, control is killed now and then, and reads. */
  step(unsteady: string, traffic: () => void): void {
    this.clock.advance(ROUND_MS)
    const found = this.resources.get(`ModelVersion/${unsteady}`) as Resource<'ModelVersion'>
    if (this.luck.happens(0.01)) this.put(version(unsteady, !isReady(found)))
    else if (this.luck.happens(0.1)) this.put(version(unsteady, true))
    traffic()
    this.inOrder()
    if (this.alive.dead || this.luck.happens(0.01)) this.startControl()
    this.read()
  }
}

export function version(name: string, ready: boolean): Resource<'ModelVersion'> {
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', reason: '', message: '', lastTransitionTime: '' }]
  return {
    apiVersion: API_VERSION,
    kind: 'ModelVersion',
    metadata: { name, namespace: 'default', uid: name },
    spec: { scaling: { min: 1 } },
    status: { conditions, state: 'Failed' },
  } as never
}

export const isReady = ({ status }: Resource<'ModelVersion'>) => status?.conditions[0]?.status === 'True'

export function onlyKilled(error: unknown): void {
  if (!(error instanceof Killed)) throw error
}
