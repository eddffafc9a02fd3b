/** Instances in words: what their states mean, how busy they are, what became of them, how they are looked after. Pure. */
import type { InstanceStatus, VersionStatus } from '../../../src/control/status.ts'
import type { Spec } from '../../../src/resources/index.ts'
import { count, percent } from '../shell/format.ts'
import type { Health } from '../shell/state-mark.tsx'

export const STATES: Readonly<Record<InstanceStatus['state'], { readonly health: Health; readonly meaning: string }>> = {
  pending: { health: 'busy', meaning: 'It waits until it can be started.' },
  pulling: { health: 'busy', meaning: 'Its image is being fetched.' },
  starting: { health: 'busy', meaning: 'Its program has been started and does not answer yet.' },
  loading: { health: 'busy', meaning: 'It answers, and says that it is not ready for requests.' },
  warming: { health: 'busy', meaning: 'It is asked its warm-up requests before it gets any of a client.' },
  ready: { health: 'good', meaning: 'It gets requests.' },
  draining: { health: 'busy', meaning: 'It gets no new requests; those that it has may finish.' },
  stopped: { health: 'idle', meaning: 'It has left: it was replaced, or is wanted no more.' },
  failed: { health: 'bad', meaning: 'It gets no requests. It is tried again by itself.' },
}

export interface InstanceRow extends InstanceStatus {
  readonly hasLeft: boolean
}

/** Those that there are, then those that have left, the last one first: how busy they last were is past. An id that came back is one that is there. */
export function instanceRows(instances: VersionStatus['instances'] | undefined): InstanceRow[] {
  const list = instances?.list ?? []
  const left = new Map(instances?.left.map((each) => [each.id, each]))
  for (const { id } of list) left.delete(id)
  return [
    ...list.map((each) => ({ ...each, hasLeft: false })),
    ...[...left.values()].sort((a, b) => b.since - a.since).map(({ load: _, ...each }) => ({ ...each, hasLeft: true })),
  ]
}

type Load = NonNullable<InstanceStatus['load']>

/** "2 of 4", "3"; undefined where it does not tell. */
export function busyInWords({ running, sequences, waiting }: Partial<Load> = {}): string | undefined {
  if (running === undefined) return undefined
  const of = sequences === undefined ? '' : ` of ${count(sequences)}`
  return `${count(running)}${of}${waiting ? ` · ${count(waiting)} waiting` : ''}`
}

/** Tokens of context in use, or the share of the cache where only that is told. */
export function contextInWords({ kvUsedTokens, kvTotalTokens, cacheUsed }: Partial<Load> = {}): string | undefined {
  if (kvUsedTokens !== undefined && kvTotalTokens !== undefined) return `${count(kvUsedTokens)} of ${count(kvTotalTokens)}`
  return cacheUsed === undefined ? undefined : percent(cacheUsed)
}

export const RUNTIMES: Readonly<Record<InstanceStatus['runtime'], { readonly short: string; readonly long: string }>> = {
  process: { short: 'process', long: 'a process beside Strata itself' },
  docker: { short: 'container', long: 'a container of Docker' },
}

export type Change = InstanceStatus['changes'][number]
export interface PastState extends Change {
  /** Milliseconds; undefined for the state that it is in. */
  readonly lasted: number | undefined
}

/** Newest first, each with how long it lasted. */
export function pastStates(changes: readonly Change[]): PastState[] {
  return changes
    .map((change, at) => {
      const next = changes[at + 1]
      return { ...change, lasted: next && Math.max(0, next.at - change.at) }
    })
    .reverse()
}

// ECMA-48: colours and movements (CSI), titles and links (OSC).
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g

/** A line as a terminal would leave it: without colours, and of a bar that draws over itself the last. */
export function plainLine(line: string): string {
  const text = line.replace(ESCAPES, '')
  return text.slice(text.lastIndexOf('\r', text.length - 2) + 1).replace(/\r$/, '')
}

type Running = Pick<Spec<'ModelVersion'>, 'runtime' | 'source' | 'resources' | 'probes'>

export const runtimeOf = ({ runtime, source }: Running): InstanceStatus['runtime'] => runtime ?? (source.image ? 'docker' : 'process')

/** "2 cores, 8Gi of memory, 1 GPU"; empty where none is set. */
export function limitsInWords({ cpu, memory, gpus }: NonNullable<Running['resources']> = {}): string {
  const cores = cpu?.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu)
  return [
    cpu !== undefined && `${cores} ${cores === 1 ? 'core' : 'cores'}`,
    memory !== undefined && `${memory} of memory`,
    gpus !== undefined && (gpus === 1 ? '1 GPU' : `${gpus === 0 ? 'no' : gpus} GPUs`),
  ]
    .filter(Boolean)
    .join(', ')
}

/** What is asked of it, how often, and what comes of it. */
export function probesInWords({ startup, readiness, liveness }: NonNullable<Running['probes']>) {
  const asked = ({ path, period, timeout }: typeof liveness) =>
    `${path === undefined ? 'asked in its protocol' : `GET ${path}`} every ${period}, answered within ${timeout}`
  const failures = (most: number) => (most === 1 ? 'one failure' : `${count(most)} failures in a row`)
  return {
    startup: `it serves within ${startup.timeout}, or is started again`,
    readiness: `${asked(readiness)}; ${failures(readiness.failures)}, and it gets no requests until it has succeeded ${readiness.successes === 1 ? 'once' : `${count(readiness.successes)} times in a row`}`,
    liveness: `${asked(liveness)}; ${failures(liveness.failures)}, and it is started again`,
  }
}
