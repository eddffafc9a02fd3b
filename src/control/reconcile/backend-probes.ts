/** What is known of the servers that run elsewhere: each is asked at its own period, and at once when it or what we use of it has changed. */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { Resource } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import { type Backend, type BackendProbe, connectBackend, type UsedModel, type WantedModel } from '../../serving/backends/index.ts'
import type { ResourceStore } from '../../store/index.ts'
import { usedBy } from './used-model.ts'

export interface KnownBackend {
  readonly backend: Backend
  readonly generation: number
  /** The models that it was asked about. */
  readonly asked: readonly UsedModel[]
  /** Undefined before the first answer. */
  readonly probe?: BackendProbe
  /** What Strata has loaded there. */
  readonly managed?: readonly UsedModel[]
  /** What keeps Strata from managing it. */
  readonly unmanageable?: string
}

export interface BackendProbes {
  /** Asks where it is time to, in the background; `onChange` is called with each answer. */
  look(backend: Resource<'Backend'>): void
  of(backend: Resource<'Backend'>): KnownBackend | undefined
  keepOnly(backends: readonly Resource<'Backend'>[]): void
}

interface Entry extends KnownBackend {
  /** Of what it was asked for. */
  readonly key: string
  readonly probedAt: number
  readonly probing: boolean
  readonly managing: boolean
  /** What is wanted has changed while it was being brought about. */
  readonly overtaken: boolean
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

  /** What versions want of it; of several that are about the same model there, the one with the most workers. */
  const wantedOf = ({ metadata }: Resource<'Backend'>): WantedModel[] => {
    const versions = resources.list('ModelVersion', metadata.namespace).filter(({ spec }) => spec.source.backend?.name === metadata.name)
    const wanted = new Map<string, WantedModel>()
    for (const version of versions) {
      const { scaling, source } = version.spec
      const used = usedBy(version)
      const before = wanted.get(JSON.stringify(used))
      const min = Math.max(scaling.min, before?.workers.min ?? 0)
      const max = Math.max(min, scaling.max ?? 0, before?.workers.max ?? 0)
      const from = source.backend?.from ?? before?.from
      wanted.set(JSON.stringify(used), { ...used, ...(from === undefined ? {} : { from }), workers: { min, max } })
    }
    return [...wanted.values()]
  }

  /** Brings the server to what is wanted of it; says what it has of us then, or what went wrong. */
  const bring = async (
    { metadata, status }: Resource<'Backend'>,
    backend: Backend,
    wanted: readonly WantedModel[],
  ): Promise<{ done: boolean; managed: readonly UsedModel[]; unmanageable: string | undefined }> => {
    const before = status?.managed ?? []
    if (!backend.manage) return { done: false, managed: before, unmanageable: 'it cannot be managed: see `management` in its spec' }
    const now = wanted.map(({ model, version, label }) => ({ model, version, label }))
    const keys = new Set(now.map(keyOf))
    const dismissed = before.filter((had) => !keys.has(keyOf(had)))
    try {
      const done = await backend.manage(wanted, dismissed, signal)
      if (done.length > 0) log.info('a backend is managed', { backend: metadata.name, done: done.join(', ') })
      return { done: done.length > 0, managed: now, unmanageable: undefined }
    } catch (error) {
      // What was loaded may still be there, and is ours to unload.
      return {
        done: false,
        managed: [...before, ...now.filter((each) => !before.some((had) => keyOf(had) === keyOf(each)))],
        unmanageable: messageOf(error),
      }
    }
  }

  const ask = async (backend: Resource<'Backend'>, wanted: WantedModel[], key: string) => {
    const uid = backend.metadata.uid!
    const known = entries.get(uid)
    const generation = backend.metadata.generation ?? 1
    // What is true of the address and the credentials of before says nothing about new ones.
    const same = known?.generation === generation
    const connected = same ? known.backend : connectBackend(backend.spec)
    const asked = wanted.map(({ from: _from, workers: _workers, ...used }) => used)
    const entry: Entry = {
      ...(same ? known : { asked: [], managed: backend.status?.managed, managing: false, overtaken: false }),
      generation,
      backend: connected,
      key,
      probedAt: clock.monotonic(),
      probing: true,
    }
    entries.set(uid, entry)
    const probe = await connected.probe(signal, asked)
    const now = entries.get(uid)
    if (signal.aborted || !now) return
    entries.set(uid, { ...now, asked, probe, probedAt: clock.monotonic(), probing: false })
    onChange()
    if (!backend.spec.manage || !probe.reachable) return
    if (now.managing) entries.set(uid, { ...entries.get(uid)!, overtaken: true })
    else await manage(backend, wanted)
  }

  /** Beside the probes: loading takes minutes, and how the server is shall be known meanwhile. */
  const manage = async (backend: Resource<'Backend'>, wanted: readonly WantedModel[]) => {
    const uid = backend.metadata.uid!
    const known = entries.get(uid)!
    entries.set(uid, { ...known, managing: true, overtaken: false })
    const { done, ...rest } = await bring(backend, known.backend, wanted)
    const now = entries.get(uid)
    if (signal.aborted || !now) return
    // What has changed there, or in what is wanted, is looked at soon.
    const soon = done || now.overtaken
    entries.set(uid, { ...now, ...rest, managing: false, ...(soon ? { probedAt: Number.NEGATIVE_INFINITY } : {}) })
    onChange()
  }

  return {
    look(backend) {
      const known = entries.get(backend.metadata.uid!)
      if (known?.probing) return
      const wanted = wantedOf(backend)
      const key = JSON.stringify(backend.spec.manage ? wanted : wanted.map(({ model, version, label }) => [model, version, label]))
      const fresh = known && clock.monotonic() - known.probedAt < durationMs(backend.spec.health.period)
      if (fresh && known.generation === backend.metadata.generation && known.key === key) return
      void ask(backend, wanted, key).catch((error: unknown) =>
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

const keyOf = ({ model, version, label }: UsedModel) => JSON.stringify([model, version, label])
