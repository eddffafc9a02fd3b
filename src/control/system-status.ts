/** Puts `GET /status` together from the store, the instances, the supervisor and the feed. */
import type { Clock } from '../kernel/clock.ts'
import { clockTrouble } from '../kernel/clock-watch.ts'
import { ROOM_BYTES, requireRoom } from '../kernel/disk.ts'
import { StrataError } from '../kernel/errors.ts'
import type { Home } from '../kernel/home.ts'
import { asSentence } from '../kernel/sentences.ts'
import type { Resource } from '../resources/index.ts'
import type { InstanceReport, Instances } from '../serving/instances/index.ts'
import type { ControlContext } from './context.ts'
import type { GatewayTroubles } from './gateway-troubles.ts'
import type { InstanceStatus, SystemStatus, VersionStatus, Warning } from './status.ts'

const GATEWAY_GRACE_MS = 10_000

/** `troubles`: what the gateways say of themselves. */
export function systemStatus(context: ControlContext, troubles: readonly GatewayTroubles[] = []): SystemStatus {
  const { store, feed, instances } = context
  const processes = context.processes()
  const reports = instances.report()
  const versions = store.resources.list('ModelVersion').map((version) => statusOf(version, reports))
  const gateways = feed.gateways()
  const status = {
    version: context.version,
    startedAt: new Date(context.startedAt).toISOString(),
    gatewayUrl: context.gatewayUrl,
    store: { kind: store.kind, id: store.id, resourceVersion: store.resources.resourceVersion() },
    snapshot: { version: feed.version() },
    recordsPrompts: context.recordPrompts !== undefined,
    processes: processes ?? [],
    gateways,
    versionsKnown: instances.hasLooked(),
    versions,
  }
  return {
    ...status,
    warnings: [
      ...diskWarnings(context.home),
      ...clockWarnings(context.clock),
      ...warningsOf({ ...status, hasSupervisor: processes !== undefined, upMs: context.clock.monotonic() }),
      ...troubles.flatMap(({ id, troubles: words }) =>
        words.map((message): Warning => ({ code: 'gateway', message: `${id}: ${message}` })),
      ),
    ],
  }
}

/** Asked anew each time: what matters is whether the next write would find a place. */
function diskWarnings(home: Home): Warning[] {
  try {
    requireRoom(home.root, ROOM_BYTES)
    return []
  } catch (error) {
    return error instanceof StrataError ? [{ code: 'disk', message: `${error.message} Nothing can be changed.`, advice: error.advice }] : []
  }
}

function clockWarnings(clock: Clock): Warning[] {
  const message = clockTrouble(clock)
  return message === undefined
    ? []
    : [{ code: 'clock', message, advice: 'Let the machine keep its time by NTP; `strata doctor` compares it.' }]
}

function statusOf(version: Resource<'ModelVersion'>, reports: ReturnType<Instances['report']>): VersionStatus {
  const { spec, metadata, status } = version
  const { engine, image, backend } = spec.source
  const file = engine?.kind === 'llama' ? /[^/]+$/.exec(engine.weights.from[0]!.replace(/@[^/@]*$/, ''))?.[0] : undefined
  const own = (all: readonly InstanceReport[]) =>
    all.filter(({ instance }) => instance.namespace === metadata.namespace && instance.version === metadata.name).map(instanceStatus)
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    model: spec.model,
    version: spec.version,
    engine: engine?.kind ?? (image ? 'image' : 'backend'),
    state: status?.state ?? 'Pending',
    message: status?.message,
    simulated: status?.simulated ?? false,
    weights: engine?.kind === 'llama' ? { ...status?.weights, file } : undefined,
    instances: {
      wanted: status?.instances?.wanted ?? (backend ? 0 : spec.scaling.min),
      ready: status?.instances?.ready ?? 0,
      list: own(reports.instances),
      left: own(reports.left),
    },
  }
}

function instanceStatus({ instance, seen, ...told }: InstanceReport): InstanceStatus {
  const { id, runtime, standIn } = instance
  return { id, runtime, simulated: standIn, restarts: seen?.restarts ?? 0, ...told }
}

/** What a person should know, worst first. Pure. */
export function warningsOf(
  status: Pick<SystemStatus, 'versions' | 'gateways' | 'processes' | 'snapshot'> & {
    readonly hasSupervisor: boolean
    readonly upMs: number
  },
): Warning[] {
  const warnings: Warning[] = []
  for (const { name, state, message, simulated, engine } of status.versions) {
    if (simulated)
      warnings.push({
        code: 'simulated',
        message: asSentence(`${name} runs on the SIMULATED engine: its answers are not a model's. ${message ?? ''}`.trim()),
        advice: 'Weights are fetched again in the background; `strata doctor` checks the network.',
      })
    // One that is tried again is still one that failed, each time for the moment of its start.
    else if (state === 'Failed' || (state === 'Starting' && message !== undefined))
      warnings.push({
        code: engine === 'backend' ? 'backend' : 'version_failed',
        message: asSentence(`${name} does not run: ${message ?? 'no reason is known'}`),
        advice: `See \`strata describe version ${name}\`.`,
      })
  }
  // Gateways come by themselves, some seconds after control has started.
  if (status.upMs > GATEWAY_GRACE_MS && !status.gateways.some((gateway) => gateway.connected))
    warnings.push({ code: 'no_gateway', message: 'No gateway follows this control.', advice: 'See `strata logs --process gateway-0`.' })
  for (const { id, status: ack, reason, version, connected } of status.gateways) {
    if (ack === 'nack')
      warnings.push({
        code: 'gateway_behind',
        message: `${id} refused snapshot ${status.snapshot.version}: ${reason ?? 'no reason given'}; it runs ${version}.`,
      })
    else if (!connected) warnings.push({ code: 'gateway_behind', message: `${id} is cut off; it answers from snapshot ${version}.` })
  }
  for (const { name, state, lastEnd, restarts } of status.processes)
    if (state === 'waiting')
      warnings.push({
        code: 'restarting',
        message: `${name} ended ${restarts} times (${lastEnd ?? 'no reason known'}); it is started again in a moment.`,
        advice: `See \`strata logs --process ${name}\`.`,
      })
  if (!status.hasSupervisor)
    warnings.push({
      code: 'no_supervisor',
      message: 'No supervisor runs: control cannot start engines.',
      advice: 'Start the system with `strata up`.',
    })
  return warnings
}
