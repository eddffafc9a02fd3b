/** What is known of the servers that run elsewhere: each is asked at its own period, and at once when it or what we use of it has changed. */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { Resource } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import { type Backend, type BackendProbe, connectBackend, type UsedModel } from '../../serving/backends/index.ts'
import type { ResourceStore } from '../../store/index.ts'
import { usedBy } from './statuses.ts'

export interface KnownBackend {
  readonly backend: Backend
  readonly generation: number
  /** The models that it was asked about. */
  readonly asked: readonly UsedModel[]
  /** Undefined before the first answer. */
  readonly probe?: BackendProbe
}

export interface BackendProbes {
  /** Asks where it is time to, in the background; `onChange` is called with each answer. */
  look(backend: Resource<'Backend'>): void
  of(backend: Resource<'Backend'>): KnownBackend | undefined
  keepOnly(backends: readonly Resource<'Backend'>[]): void
}

interface Entry extends KnownBackend {
  readonly probedAt: number
  readonly probing: boolean
}

export function createBackendProbes(options: {
  resources: Pick<ResourceStore, 'list'>
  clock: Clock
  log: Log
  signal: AbortSignal
  onChange: () => void
}): BackendProbes {
  const { resources, clock, log, signal, onChange } = options
  const entries = new Map<string, Entry>()

  const used = ({ metadata }: Resource<'Backend'>): UsedModel[] => {
    const all = resources
      .list('ModelVersion', metadata.namespace)
      .filter(({ spec }) => spec.source.backend?.name === metadata.name)
      .map(usedBy)
    return [...new Map(all.map((each) => [JSON.stringify(each), each])).values()]
  }

  const ask = async (backend: Resource<'Backend'>, asked: UsedModel[]) => {
    const uid = backend.metadata.uid!
    const known = entries.get(uid)
    const generation = backend.metadata.generation ?? 1
    // What is true of the address and the credentials of before says nothing about new ones.
    const same = known?.generation === generation
    const connected = same ? known.backend : connectBackend(backend.spec)
    const entry = { generation, backend: connected, asked: same ? known.asked : [], probedAt: clock.monotonic() }
    entries.set(uid, { ...entry, probe: same ? known.probe : undefined, probing: true })
    const probe = await connected.probe(signal, asked)
    if (signal.aborted || !entries.has(uid)) return
    entries.set(uid, { ...entry, asked, probe, probedAt: clock.monotonic(), probing: false })
    onChange()
  }

  return {
    look(backend) {
      const known = entries.get(backend.metadata.uid!)
      if (known?.probing) return
      const now = used(backend)
      const fresh = known && clock.monotonic() - known.probedAt < durationMs(backend.spec.health.period)
      if (fresh && known.generation === backend.metadata.generation && JSON.stringify(known.asked) === JSON.stringify(now)) return
      void ask(backend, now).catch((error: unknown) =>
        log.warn('a backend could not be probed', { backend: backend.metadata.name, error: messageOf(error) }),
      )
    },
    of: ({ metadata }) => entries.get(metadata.uid!),
    keepOnly(backends) {
      const uids = new Set(backends.map(({ metadata }) => metadata.uid))
      for (const uid of entries.keys()) if (!uids.has(uid)) entries.delete(uid)
    },
  }
}
