/** Statuses of what control does not run itself: routes, and the backends that live elsewhere with the versions that live on them. */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import type { Resource } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import { type Backend, connectBackend } from '../../serving/backends/index.ts'
import type { Store } from '../../store/index.ts'
import { createSignatures } from './signatures.ts'
import { type BackendHealth, backendStatus, backendVersionStatus, routeStatus } from './statuses.ts'

export interface Reconciler {
  start(): void
  close(): Promise<void>
}

/** Also without an event: a status that could not be written is written then. */
const EVERY_MS = 5_000

export function createReconciler(options: { store: Store; log: Log; clock: Clock }): Reconciler {
  const { store, log, clock } = options
  const { resources } = store
  const health = new Map<string, BackendHealth & { probedAt: number; probing: boolean; backend: Backend }>()
  const closing = new AbortController()
  const signatures = createSignatures({ clock, log, signal: closing.signal, onChange: () => wake() })
  let started = false
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> | undefined
  let again = false

  const probe = async (backend: Resource<'Backend'>) => {
    const uid = backend.metadata.uid!
    const known = health.get(uid)
    if (
      known?.probing ||
      (known &&
        clock.monotonic() - known.probedAt < durationMs(backend.spec.health.period) &&
        known.generation === backend.metadata.generation)
    )
      return
    const generation = backend.metadata.generation ?? 1
    // What is true of the address and the credentials of before says nothing about new ones.
    const same = known?.generation === generation
    const connected = same ? known.backend : connectBackend(backend.spec)
    const looked = { generation, backend: connected, probedAt: clock.monotonic() }
    health.set(uid, { ...looked, probe: same ? known.probe : undefined, probing: true })
    const found = await connected.probe(closing.signal)
    if (closing.signal.aborted) return
    health.set(uid, { ...looked, probe: found, probedAt: clock.monotonic(), probing: false })
    wake()
  }

  const oneRound = async () => {
    const backends = resources.list('Backend')
    for (const backend of backends) {
      void probe(backend).catch((error: unknown) =>
        log.warn('a backend could not be probed', { backend: backend.metadata.name, error: messageOf(error) }),
      )
      const known = health.get(backend.metadata.uid!)
      if (known) await resources.setStatus(backend, backendStatus(backend, known, clock.now()))
    }
    const uids = new Set(backends.map(({ metadata }) => metadata.uid))
    for (const uid of health.keys()) if (!uids.has(uid)) health.delete(uid)
    for (const version of resources.list('ModelVersion')) {
      const name = version.spec.source.backend?.name
      if (name === undefined) continue
      const backend = resources.get('Backend', version.metadata.namespace, name)
      const known = backend && health.get(backend.metadata.uid!)
      const status = backendVersionStatus(version, known, name, clock.now())
      const { model = version.spec.model, version: there } = version.spec.source.backend!
      const signature = (status.state === 'Ready' && known && signatures.of(known.backend, model, there)) || version.status?.signature
      await resources.setStatus(version, { ...status, ...(signature ? { signature } : {}) })
    }
    for (const route of resources.list('Route')) {
      const versions = route.spec.targets.map(({ version }) => resources.get('ModelVersion', route.metadata.namespace, version))
      await resources.setStatus(route, routeStatus(route, versions, clock.now()))
    }
  }

  const writing = recurring(log, clock, 'statuses cannot be written; what they say is old until they can', 'statuses are written again')
  const wake = () => {
    if (!started || closing.signal.aborted) return
    if (round) {
      again = true
      return
    }
    clearTimeout(timer)
    round = oneRound()
      .then(writing.worked, (error: unknown) => writing.failed(messageOf(error)))
      .finally(() => {
        round = undefined
        if (again) {
          again = false
          setImmediate(wake)
        } else if (!closing.signal.aborted) timer = setTimeout(wake, nextProbe())
      })
  }
  const nextProbe = () => Math.min(EVERY_MS, ...resources.list('Backend').map(({ spec }) => durationMs(spec.health.period)))

  const unsubscribe = resources.onChange((events) => {
    if (events.some(({ resource }) => ['Route', 'ModelVersion', 'Backend'].includes(resource.kind))) wake()
  })

  return {
    start() {
      started = true
      wake()
    },
    async close() {
      closing.abort()
      clearTimeout(timer)
      unsubscribe()
      await round
    },
  }
}
