/**
 * Which instance of a version gets a request: the one with the least outstanding work (src/balancing) among those that are not ejected.
 *
 * Ejection is Envoy's consecutive-failure outlier detection in small: a run of failures takes an instance out for a time that doubles, one
 * success brings it back. A connection that is refused ejects at once (the process is down) but briefly, since the supervisor restarts it.
 * When all are ejected for failures, all are used at once: a guess beats a refusal, and waiting mends nothing. A process that was started again
 * begins with a clean sheet: the requests that its predecessor's death cut are no failures of its own.
 */
import { rankOf } from '../balancing/rank.ts'
import { type Prompt, PromptPace, UnreadPrompts } from '../balancing/unread-prompts.ts'
import type { Clock } from '../kernel/clock.ts'
import type { CompiledInstance } from '../resources/snapshot.ts'
import { backendId } from './backends.ts'
import type { Tables } from './snapshot/tables.ts'

interface Load {
  inFlight: number
  /** Absent until it had a prompt to read. */
  unread?: UnreadPrompts
  failures: number
  ejectedUntil: number
  ejections: number
  /** Nobody listened there when it was asked last. */
  down: boolean
}

/** What a request asks an instance to read. */
export interface Reading {
  /** The version's uid: its prompts are alike. */
  readonly version: string
  readonly bytes: number
  /** Its first token will be seen. */
  readonly streams: boolean
}

/** A request that an instance has. */
export interface Work {
  /** Its first token has come. */
  read(): void
  /**
   * `refused`: nobody listened. `failed`: broken, timed out, 5xx. A client's own error is a success of the instance. What is said after the first time
   * says nothing.
   */
  end(result: 'ok' | 'failed' | 'refused' | 'neutral'): void
}

export interface InstanceTracker {
  /**
   * The best of a version's ready instances that are not in `exclude`. One that has `most` requests of ours comes after all that have fewer, and one
   * that is ejected after these.
   */
  choose(instances: readonly CompiledInstance[], exclude: ReadonlySet<string>, most?: number): CompiledInstance | undefined
  begin(id: string, reading?: Reading): Work
  inFlight(id: string): number
  isEjected(id: string): boolean
  /** Ejected since nobody listens there: it is worth waiting until its supervisor has started it again. */
  isDown(id: string): boolean
  ejected(): number
  /** Those that drain and have requests of ours. */
  busy(): string[]
  /** Forgets instances that are gone, and what was held against an earlier run of one. */
  keepOnly(tables: Pick<Tables, 'instancesByVersion' | 'versions'>): void
}

/** What they rank behind: more than any work. */
const FULL = 1e6
const EJECTED = 1e9
const FAILURES_TO_EJECT = 5
const FIRST_EJECTION_MS = 5_000
const FIRST_REFUSED_MS = 250
const LONGEST_EJECTION_MS = 60_000
const LONGEST_REFUSED_MS = 1_000

/** `onIdle`: one that drains has no request of ours any more. `onRelease`: one has a request less. */
export function createInstanceTracker(
  clock: Clock,
  onIdle: () => void = () => undefined,
  onRelease: () => void = () => undefined,
): InstanceTracker {
  const loads = new Map<string, Load>()
  const paces = new Map<string, PromptPace>()
  const draining = new Set<string>()
  let runs: ReadonlyMap<string, number> = new Map()
  const load = (id: string): Load => {
    let known = loads.get(id)
    if (!known) {
      known = { inFlight: 0, failures: 0, ejectedUntil: 0, ejections: 0, down: false }
      loads.set(id, known)
    }
    return known
  }
  const eject = (state: Load, first: number, longest: number) => {
    state.ejectedUntil = clock.monotonic() + Math.min(longest, first * 2 ** Math.min(state.ejections, 10))
    state.ejections += 1
    state.failures = 0
  }

  const isEjected = (id: string) => (loads.get(id)?.ejectedUntil ?? 0) > clock.monotonic()

  const paceOf = (version: string): PromptPace => {
    let known = paces.get(version)
    if (!known) {
      known = new PromptPace()
      paces.set(version, known)
    }
    return known
  }

  const end = (id: string, state: Load, result: Parameters<Work['end']>[0]) => {
    state.inFlight -= 1
    if (result !== 'neutral') state.down = result === 'refused'
    if (state.inFlight === 0 && draining.has(id)) onIdle()
    if (result === 'ok') {
      forgive(state)
    } else if (result === 'refused') {
      eject(state, FIRST_REFUSED_MS, LONGEST_REFUSED_MS)
    } else if (result === 'failed') {
      state.failures += 1
      if (state.failures >= FAILURES_TO_EJECT) eject(state, FIRST_EJECTION_MS, LONGEST_EJECTION_MS)
    }
    onRelease()
  }

  const forgive = (state: Load) => {
    state.failures = 0
    state.ejections = 0
    state.ejectedUntil = 0
    state.down = false
  }

  return {
    choose(instances, exclude, most = Number.POSITIVE_INFINITY) {
      const now = clock.monotonic()
      let best: CompiledInstance | undefined
      let bestRank = Infinity
      for (const instance of instances) {
        if (instance.state !== 'ready' || exclude.has(instance.id)) continue
        const state = load(instance.id)
        const own = rankOf({ inFlight: state.inFlight, sequences: instance.sequences, unread: state.unread?.outstanding(now) ?? 0 })
        const behind = (state.inFlight >= most ? FULL : 0) + (state.ejectedUntil > now ? EJECTED : 0)
        // With the work of others as the instance tells it. A random crumb breaks ties.
        const rank = own + (instance.pressure ?? 0) + behind + Math.random() * 1e-3
        if (rank < bestRank) {
          best = instance
          bestRank = rank
        }
      }
      return best
    },
    begin(id, reading) {
      const state = load(id)
      state.inFlight += 1
      let prompt: Prompt | undefined
      if (reading) {
        state.unread ??= new UnreadPrompts(paceOf(reading.version))
        prompt = state.unread.add(reading.bytes, reading.streams, clock.monotonic())
      }
      const { unread } = state
      let ended = false
      return {
        read() {
          if (prompt) unread!.read(prompt, clock.monotonic())
        },
        end(result) {
          if (ended) return
          ended = true
          if (prompt) unread!.drop(prompt, clock.monotonic())
          end(id, state, result)
        },
      }
    },
    inFlight: (id) => loads.get(id)?.inFlight ?? 0,
    isEjected,
    isDown: (id) => isEjected(id) && load(id).down,
    ejected: () => {
      const now = clock.monotonic()
      return [...loads.values()].filter((state) => state.ejectedUntil > now).length
    },
    busy: () => [...draining].filter((id) => (loads.get(id)?.inFlight ?? 0) > 0),
    keepOnly(tables) {
      const now = new Map<string, number>()
      draining.clear()
      for (const instances of tables.instancesByVersion.values())
        for (const { id, run, state } of instances) {
          now.set(id, run)
          if (state === 'draining') draining.add(id)
        }
      const uids = new Set<string>()
      for (const { uid, namespace, source } of tables.versions.values()) {
        uids.add(uid)
        if (source.type === 'backend') now.set(backendId(namespace, source), 0)
      }
      for (const [id, state] of loads) {
        if (!now.has(id) && state.inFlight === 0) loads.delete(id)
        if (now.get(id) !== runs.get(id)) forgive(state)
      }
      for (const version of paces.keys()) if (!uids.has(version)) paces.delete(version)
      runs = now
    },
  }
}
