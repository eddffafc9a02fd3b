/**
 * Instances as containers of a Docker daemon on this machine.
 *
 * - Whose a container is stands in its labels and nowhere else: a control that starts anew adopts what runs.
 * - Docker itself starts again what ended (`unless-stopped`, its own backoff), so that instances outlive control. What it does not start again,
 *   because somebody stopped it or the daemon crashed, the next pass does.
 * - Ending is Docker's too: it sends SIGTERM and, after the drain time, SIGKILL; that it was told stands in the container's name.
 * - Ports are published on 127.0.0.1, the host's one chosen by Docker at each start: read `address` again after every change. On the network
 *   `host` nothing can be published: an instance is given a free port as PORT, or `$(PORT)` in its arguments; one whose manifest sets PORT itself
 *   keeps the port that it names, and then there can be one on a machine.
 *
 * It must not know of models, and not ask instances whether they are ready.
 */
import type { Clock } from '../../../kernel/clock.ts'
import { messageOf, StrataError } from '../../../kernel/errors.ts'
import type { Log } from '../../../kernel/log.ts'
import { recurring } from '../../../kernel/recurring.ts'
import { MOST_LINES } from '../log-bounds.ts'
import type { RunningInstance, Runtime, WantedInstance } from '../port.ts'
import { type ContainerInstance, homeLabel, type OwnContainer } from './container-spec.ts'
import { describeContainer } from './describe.ts'
import { connectDocker } from './engine-api.ts'
import { followEvents } from './events.ts'
import { notePast, type Past } from './history.ts'
import { readLogLines } from './log-frames.ts'
import { createPulls } from './pulls.ts'
import { createReconciler } from './reconciler.ts'

export interface DockerRuntimeOptions {
  /** The daemon's socket; `dockerSocket()` unless said. */
  readonly socketPath?: string
  /** Whose the containers are: different homes share a daemon and never see each other's. */
  readonly home: string
  /** Of the containers: "bridge" unless said, the name of another of Docker's networks, or "host". */
  readonly network?: string
  readonly clock: Clock
  readonly log: Log
}

/** How much of Docker's own memory of events is asked for at the start, seconds. */
const PAST_SECONDS = 3_600

/** Where DOCKER_HOST says, or Docker's usual place. Throws for a daemon on another machine: its published ports would not be ours. */
export function dockerSocket(host: string | undefined = process.env.DOCKER_HOST): string {
  if (!host) return '/var/run/docker.sock'
  if (host.startsWith('unix:///')) return host.slice('unix://'.length)
  throw new StrataError('docker_host', `DOCKER_HOST is ${host}, and only a daemon on this machine can be used.`, {
    advice: 'Set it to unix:///path/to/docker.sock, or unset it.',
  })
}

export function createDockerRuntime(options: DockerRuntimeOptions): Runtime {
  const { socketPath = dockerSocket(), home, network = 'bridge', clock, log } = options
  const closing = new AbortController()
  const { signal } = closing
  const engine = connectDocker(socketPath, signal)
  const listeners = new Set<() => void>()
  const changed = () => {
    if (!signal.aborted) for (const listener of listeners) listener()
  }
  const pulls = createPulls({ engine, clock, changed, done: () => wake() })
  const reconciler = createReconciler({ engine, home, network, clock, log, pulls, changed, signal })

  const wake = () => {
    if (signal.aborted) return
    reconciler.wake()
    changed()
  }
  const pasts = new Map<string, Past>()
  const daemon = recurring(log, clock, 'Docker is away: nothing can be started or ended, what runs goes on', 'Docker is back', 'warn')
  const following = followEvents({
    engine,
    label: homeLabel(home),
    since: Math.floor(clock.now() / 1000) - PAST_SECONDS,
    signal,
    onEvent: (event) => {
      if (event.Action === 'destroy') pasts.delete(event.Actor.ID)
      else pasts.set(event.Actor.ID, notePast(pasts.get(event.Actor.ID), event))
      wake()
    },
    onConnected: () => {
      daemon.worked()
      wake()
    },
    onLost: (error) => {
      daemon.failed(messageOf(error))
      changed()
    },
  })

  const describe = async (container: OwnContainer): Promise<RunningInstance | undefined> => {
    const inspected = await engine.inspect(container.containerId)
    return inspected && describeContainer(container, inspected, pasts.get(container.containerId), reconciler.failureOf(container.instance))
  }
  const withoutContainer = ({ id, config, container: { image } }: ContainerInstance): RunningInstance => {
    const told = { id, config, restarts: 0 }
    const failure = reconciler.failureOf(id)
    if (failure) return { ...told, state: 'failed', since: failure.since, message: failure.message }
    const pull = pulls.of(image)
    if (pull) return { ...told, state: pull.phase, since: pull.since, message: pull.message }
    return { ...told, state: 'starting', since: clock.now() }
  }

  return {
    async observe() {
      const all = await reconciler.look()
      if (reconciler.overlooked(all)) reconciler.wake()
      const found = preferred(all)
      const described = (await Promise.all([...found.values()].map(describe))).filter((instance) => instance !== undefined)
      const missing = [...reconciler.wanted().values()].filter(({ id }) => !found.has(id))
      return [...described, ...missing.map(withoutContainer)]
    },
    want: async (instances) => reconciler.want(instances.map(asContainer)),
    restart: (id) => reconciler.restart(id),
    async logs(id, lines) {
      const container = preferred(await reconciler.look()).get(id)
      if (!container) return []
      return readLogLines(await engine.logs(container.containerId, Math.min(lines, MOST_LINES)))
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      closing.abort(new StrataError('runtime_closed', 'The Docker runtime is closed.'))
      await Promise.all([pulls.close(), following, reconciler.close()])
      await engine.close()
    },
  }
}

function asContainer({ container, ...instance }: WantedInstance): ContainerInstance {
  if (!container) throw new StrataError('no_container', `The instance ${instance.id} names no container, and Docker runs nothing else.`)
  return { ...instance, container }
}

/** The one container of each instance; where somebody made a second one, the one that is not on its way out. */
function preferred(found: readonly OwnContainer[]): ReadonlyMap<string, OwnContainer> {
  const byInstance = new Map<string, OwnContainer>()
  for (const container of found) if (!byInstance.has(container.instance) || !container.ending) byInstance.set(container.instance, container)
  return byInstance
}
