/**
 * The running system as a graph: client → gateways → routes → versions → instances, with what flows. Pure: from what control tells to
 * nodes and edges; where they stand on the screen is `layout.ts`.
 */
import type { Rates, TrafficEvent } from '../../../src/control/records/traffic-event.ts'
import type { InstanceStatus, SystemStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { keyOf } from '../api/resources.ts'
import { STATES } from '../models/instance-words.ts'
import { runningTargets } from '../routes/route-state.ts'
import { milliseconds, percent, rate } from '../shell/format.ts'
import type { Health } from '../shell/state-mark.tsx'

export interface GraphNode {
  readonly id: string
  readonly column: 0 | 1 | 2 | 3 | 4
  readonly title: string
  /** One line of what matters now. */
  readonly detail: string
  readonly health: Health
  /** The state in words, for those who do not see the mark. */
  readonly state: string
  /** What a click shows: "Route/default/assistant". */
  readonly thing?: string
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly requestsPerSecond: number
  /** Above the arrow: the share that the route gives it. */
  readonly share?: string
  /** Below it: what flows. */
  readonly label: string
  readonly failing: boolean
}

export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

const QUIET: Rates = { requestsPerSecond: 0, errorRate: 0, tokensPerSecond: 0, running: 0 }
/** Errors above this share make an edge red. */
const FAILING = 0.01

export function buildGraph(system: {
  readonly status: SystemStatus
  readonly traffic: TrafficEvent | undefined
  readonly routes: readonly Resource<'Route'>[]
  readonly versions: readonly Resource<'ModelVersion'>[]
}): Graph {
  const { status, traffic, routes, versions } = system
  const nodes: GraphNode[] = []
  const edges: GraphEdge[] = []
  const total = traffic?.total ?? QUIET
  const consumers = Object.values(traffic?.consumers ?? {}).filter(
    ({ requestsPerSecond, running }) => requestsPerSecond > 0 || running > 0,
  ).length

  nodes.push({
    id: 'clients',
    column: 0,
    title: 'Clients',
    detail: consumers === 0 ? 'nobody calls now' : `${consumers} ${consumers === 1 ? 'consumer' : 'consumers'}`,
    health: consumers === 0 ? 'idle' : 'good',
    state: consumers === 0 ? 'idle' : 'calling',
  })

  const gateways = status.processes.filter(({ role }) => role === 'gateway')
  const seen = gateways.length > 0 ? gateways.map(({ name }) => name) : status.gateways.map(({ id }) => id)
  for (const name of seen) {
    const process = gateways.find((gateway) => gateway.name === name)
    const feed = status.gateways.find(({ id }) => id === name)
    const running = process === undefined ? feed?.connected === true : process.state === 'ready'
    const current = feed?.status === 'ack'
    nodes.push({
      id: `gateway/${name}`,
      column: 1,
      title: name,
      detail: !running ? (process?.state ?? 'not connected') : current ? `snapshot ${feed.version}` : 'catching up',
      health: running ? (current ? 'good' : 'busy') : 'bad',
      state: running ? (current ? 'ready' : 'taking a snapshot') : 'down',
      thing: `Process/${name}`,
    })
    edges.push(
      edge('clients', `gateway/${name}`, { ...total, requestsPerSecond: total.requestsPerSecond / seen.length }, seen.length === 1),
    )
  }

  const used = new Set<string>()
  for (const route of routes) {
    const key = keyOf(route)
    const rates = traffic?.routes[key] ?? QUIET
    const targets = runningTargets(route)
    nodes.push({
      id: `route/${key}`,
      column: 2,
      title: route.metadata.name,
      detail:
        rates.requestsPerSecond > 0
          ? `${rate(rates.requestsPerSecond)} · p95 ${milliseconds(rates.totalP95)}`
          : route.spec.models.join(', '),
      health: rates.errorRate > FAILING ? 'bad' : rates.requestsPerSecond > 0 ? 'good' : 'idle',
      state: rates.errorRate > FAILING ? `${percent(rates.errorRate)} errors` : rates.requestsPerSecond > 0 ? 'serving' : 'no traffic',
      thing: `Route/${key}`,
    })
    for (const name of seen)
      edges.push(edge(`gateway/${name}`, `route/${key}`, { ...rates, requestsPerSecond: rates.requestsPerSecond / seen.length }, false))
    for (const target of targets) {
      const version = `${route.metadata.namespace}/${target.version}`
      used.add(version)
      const flow = traffic?.edges.find((each) => each.route === key && each.version === version) ?? QUIET
      edges.push({
        ...edge(`route/${key}`, `version/${version}`, flow, true),
        share: `${target.weight}\u202f%`,
      })
    }
    for (const fallback of route.spec.fallbacks) used.add(`${route.metadata.namespace}/${fallback.version}`)
  }

  for (const version of versions) {
    const key = keyOf(version)
    const state = status.versions.find((each) => `${each.namespace}/${each.name}` === key)
    const rates = traffic?.versions[key] ?? QUIET
    const health = versionHealth(state?.state, state?.simulated === true)
    nodes.push({
      id: `version/${key}`,
      column: 3,
      title: `${version.spec.model}@${version.spec.version}`,
      detail: versionDetail(state, rates),
      health,
      state: `${state?.state ?? 'unknown'}${state?.simulated ? ', simulated' : ''}`,
      thing: `ModelVersion/${key}`,
    })
    for (const [at, instance] of (state?.instances.list ?? []).entries()) {
      const load = traffic?.instances[instance.id] ?? QUIET
      nodes.push({
        id: `instance/${instance.id}`,
        column: 4,
        title: `instance ${at + 1}`,
        detail: instanceDetail(instance),
        health: STATES[instance.state].health,
        state: `${instance.id} ${instance.state}${instance.simulated ? ', simulated' : ''}`,
        thing: `Process/engine-${instance.id}`,
      })
      edges.push(edge(`version/${key}`, `instance/${instance.id}`, load, false))
    }
  }
  return { nodes, edges }
}

function edge(from: string, to: string, rates: Rates, labelled: boolean): GraphEdge {
  return {
    from,
    to,
    requestsPerSecond: rates.requestsPerSecond,
    failing: rates.requestsPerSecond > 0 && rates.errorRate > FAILING,
    label: labelled && rates.requestsPerSecond > 0 ? rate(rates.requestsPerSecond) : '',
  }
}

/** "70 · p95 151 ms": a unit that both have is said once, for there is little room. */
export function bothMilliseconds(p50: number | undefined, p95: number): string {
  const [first, second] = [milliseconds(p50), milliseconds(p95)]
  const [value, unit] = first.split('\u202f')
  return `${second.endsWith(`\u202f${unit}`) ? value : first} · p95 ${second}`
}

function instanceDetail({ state, message, load }: InstanceStatus): string {
  if (state === 'pulling') return message ?? state
  if (state !== 'ready' || load?.running === undefined) return state
  const busy = load.sequences === undefined ? `${load.running} running` : `${load.running} of ${load.sequences} busy`
  return `${busy}${load.waiting > 0 ? ` · ${load.waiting} waiting` : ''}`
}

function versionHealth(state: string | undefined, simulated: boolean): Health {
  if (state === 'Failed' || state === 'Degraded' || simulated) return 'bad'
  if (state === 'Ready') return 'good'
  return state === 'Stopped' ? 'idle' : 'busy'
}

function versionDetail(state: SystemStatus['versions'][number] | undefined, rates: Rates): string {
  if (!state) return 'not known yet'
  if (state.simulated) return 'SIMULATED'
  if (state.state === 'Fetching') {
    if (state.engine === 'image') return 'fetching its image'
    const { receivedBytes, bytes } = state.weights ?? {}
    return receivedBytes !== undefined && bytes ? `fetching ${percent(receivedBytes / bytes)}` : 'fetching weights'
  }
  if (state.state !== 'Ready') return state.state.toLowerCase()
  if (rates.firstTokenP95 !== undefined) return `first ${bothMilliseconds(rates.firstTokenP50, rates.firstTokenP95)}`
  if (rates.requestsPerSecond > 0) return `p95 ${milliseconds(rates.totalP95)}`
  return state.engine === 'backend' ? 'elsewhere' : `${state.instances.ready} of ${state.instances.wanted} ready`
}
