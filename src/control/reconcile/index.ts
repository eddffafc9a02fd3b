/** Statuses of what control does not run itself: routes, and the backends that live elsewhere with the versions that live on them. */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import { decidersOf } from '../../orchestration/experiments/overlay.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { Store } from '../../store/index.ts'
import { createBackendProbes } from './backend-probes.ts'
import { createSignatures } from './signatures.ts'
import { backendStatus, backendVersionStatus, routeStatus } from './statuses.ts'
import { usedBy } from './used-model.ts'

export interface Reconciler {
  start(): void
  close(): Promise<void>
}

/** Also without an event: a status that could not be written is written then. */
const EVERY_MS = 5_000

export function createReconciler(options: { store: Store; log: Log; clock: Clock }): Reconciler {
  const { store, log, clock } = options
  const { resources } = store
  const closing = new AbortController()
  const watching = { clock, log, signal: closing.signal, onChange: () => wake() }
  const probes = createBackendProbes({ ...watching, resources })
  const signatures = createSignatures(watching)
  let started = false
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> | undefined
  let again = false

  const oneRound = async () => {
    const backends = resources.list('Backend')
    for (const backend of backends) {
      probes.look(backend)
      const known = probes.of(backend)
      if (known) await resources.setStatus(backend, backendStatus(backend, known, clock.now()))
    }
    probes.keepOnly(backends)
    for (const version of resources.list('ModelVersion')) {
      const name = version.spec.source.backend?.name
      if (name === undefined) continue
      const backend = resources.get('Backend', version.metadata.namespace, name)
      const known = backend && probes.of(backend)
      const status = backendVersionStatus(version, known, clock.now())
      const signature = (status.state === 'Ready' && known && signatures.of(known.backend, usedBy(version))) || version.status?.signature
      await resources.setStatus(version, { ...status, ...(signature ? { signature } : {}) })
    }
    for (const route of resources.list('Route')) {
      const { namespace, name } = route.metadata
      const deciders = decidersOf(resources, namespace, name)
      await resources.setStatus(
        route,
        routeStatus(route, deciders, (version) => resources.get('ModelVersion', namespace, version), clock.now()),
      )
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
    if (events.some(({ resource }) => ['Route', 'ModelVersion', 'Backend', 'Rollout', 'Experiment'].includes(resource.kind))) wake()
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
