/** What `strata top` shows: the console's Overview in lines. A pure function of what control tells and of the terminal's size. */
import type { Rates, TrafficEvent } from '../../control/records/traffic-event.ts'
import type { InstanceStatus, SystemStatus, VersionStatus } from '../../control/status.ts'
import { formatAge, formatBytes } from '../../kernel/units.ts'
import type { Resource } from '../../resources/index.ts'
import { type Column, fitted, type Line, type Piece, sparkline, type Tone, tableLines } from '../lines.ts'
import { shownName } from '../names.ts'

export interface Seen {
  readonly status: SystemStatus
  readonly traffic: TrafficEvent
  readonly routes: readonly Resource<'Route'>[]
}

/** Above this share of errors a figure is red: as in the console. */
const FAILING = 0.01
const SPARK_WIDTH = 60
/** Columns that name and figures take in front of a row of bars. */
const FIGURE_WIDTH = 40

/** `away`: why nothing newer is known. `rows` undefined: as many as it takes. */
export function screenLines(
  { status, traffic, routes }: Seen,
  size: { readonly columns: number; readonly rows?: number },
  now: number,
  away?: string,
): readonly Line[] {
  const head = [...headLines(status, now, away), [], ...figureLines(traffic, size.columns), [], ...versionLines(status, traffic, routes)]
  const warnings = status.warnings.map(({ message, advice }): Line => [{ text: `! ${message}${advice ? ` ${advice}` : ''}`, tone: 'red' }])
  const tail = warnings.length > 0 ? [[], ...warnings] : []
  const instances = instanceLines(status, now)
  const room = size.rows === undefined ? Number.POSITIVE_INFINITY : size.rows - head.length - tail.length - 1
  const lines = [...head, ...(instances.length > 0 && room >= 3 ? [[], ...fitted(instances, room)] : []), ...tail]
  return size.rows === undefined ? lines : fitted(lines, size.rows)
}

function headLines(status: SystemStatus, now: number, away: string | undefined): Line[] {
  const connected = status.gateways.filter((gateway) => gateway.connected)
  const current = connected.filter(({ version, status: ack }) => ack === 'ack' && version >= status.snapshot.version)
  const gateways: Piece =
    connected.length === 0
      ? { text: 'no gateway is connected', tone: 'red' }
      : {
          text: `${current.length} of ${connected.length} ${connected.length === 1 ? 'gateway' : 'gateways'} at snapshot ${status.snapshot.version}`,
          tone: current.length === connected.length ? 'plain' : 'yellow',
        }
  return [
    [
      { text: `Strata ${status.version}`, tone: 'bold' },
      { text: `  up ${formatAge(now - Date.parse(status.startedAt))}  ` },
      away === undefined ? verdict(status) : { text: away, tone: 'yellow' },
    ],
    [{ text: `${status.gatewayUrl}  `, tone: 'dim' }, gateways],
  ]
}

function verdict(status: SystemStatus): Piece {
  const failing = status.versions.filter(({ state, simulated }) => state === 'Failed' || state === 'Degraded' || simulated).length
  if (failing > 0) return { text: `■ ${failing} ${failing === 1 ? 'version is' : 'versions are'} failing`, tone: 'red' }
  if (status.warnings.length > 0) return { text: '▲ running, with a warning', tone: 'yellow' }
  if (status.versions.some(({ state }) => state !== 'Ready' && state !== 'Stopped'))
    return { text: '▲ something is changing', tone: 'yellow' }
  return { text: '● all is well', tone: 'green' }
}

function figureLines({ total, series }: TrafficEvent, columns: number): Line[] {
  const width = Math.min(SPARK_WIDTH, columns - FIGURE_WIDTH)
  const line = (name: string, figure: string, values: readonly (number | null)[], least: number, tone: Tone = 'cyan'): Line => [
    { text: name.padEnd(13), tone: 'dim' },
    { text: figure.padEnd(FIGURE_WIDTH - 13), tone: tone === 'red' ? 'red' : 'bold' },
    { text: sparkline(values, width, least), tone },
  ]
  const failing = total.errorRate > FAILING
  return [
    line('Requests', `${perSecond(total.requestsPerSecond)}, ${total.running} running`, series.requests, 1),
    line('First token', `p50 ${duration(total.firstTokenP50)}, p95 ${duration(total.firstTokenP95)}`, series.firstTokenP50, 10),
    line('Tokens', perSecond(total.tokensPerSecond), series.tokens, 1),
    line('Errors', share(total.errorRate), series.errors, 1, failing ? 'red' : 'cyan'),
  ]
}

function versionLines(status: SystemStatus, traffic: TrafficEvent, routes: readonly Resource<'Route'>[]): Line[] {
  if (status.versions.length === 0)
    return [[{ text: 'Nothing to call yet: apply a Model, a ModelVersion and a Route; `strata explain route` tells how.' }]]
  const rates = ({ namespace, name }: VersionStatus): Rates | undefined => traffic.versions[`${namespace}/${name}`]
  const rated = (read: (rates: Rates) => string) => (version: VersionStatus) => {
    const found = rates(version)
    return { text: found ? read(found) : '–' }
  }
  const columns: Column<VersionStatus>[] = [
    { heading: 'VERSION', cell: ({ namespace, model, version }) => ({ text: shownName(namespace, `${model}@${version}`), tone: 'bold' }) },
    { heading: 'STATE', cell: stateOf },
    {
      heading: 'READY',
      align: 'right',
      cell: ({ engine, instances }) => ({ text: engine === 'backend' ? 'elsewhere' : `${instances.ready}/${instances.wanted}` }),
    },
    { heading: 'TRAFFIC', cell: (version) => ({ text: sharesOf(version, routes) || '–' }) },
    { heading: 'REQUESTS', align: 'right', cell: rated(({ requestsPerSecond }) => perSecond(requestsPerSecond)) },
    { heading: 'FIRST P50', align: 'right', cell: rated(({ firstTokenP50 }) => duration(firstTokenP50)) },
    { heading: 'P95', align: 'right', cell: rated(({ firstTokenP95 }) => duration(firstTokenP95)) },
    { heading: 'TOKENS', align: 'right', cell: rated(({ tokensPerSecond }) => perSecond(tokensPerSecond)) },
    {
      heading: 'ERRORS',
      align: 'right',
      cell: (version) => {
        const { errorRate } = rates(version) ?? { errorRate: 0 }
        return { text: share(errorRate), tone: errorRate > FAILING ? 'red' : 'plain' }
      },
    },
  ]
  return tableLines(status.versions, columns)
}

function stateOf({ state, simulated, engine }: VersionStatus): Piece {
  if (simulated && engine !== 'simulated') return { text: '■ SIMULATED', tone: 'red' }
  if (state === 'Ready') return { text: '● Ready', tone: 'green' }
  if (state === 'Failed' || state === 'Degraded') return { text: `■ ${state}`, tone: 'red' }
  return state === 'Stopped' ? { text: '○ Stopped', tone: 'dim' } : { text: `▲ ${state}`, tone: 'yellow' }
}

function sharesOf({ namespace, name }: VersionStatus, routes: readonly Resource<'Route'>[]): string {
  return routes
    .filter(({ metadata }) => metadata.namespace === namespace)
    .flatMap(({ metadata, spec, status }) => {
      const weight = (status?.effective?.targets ?? spec.targets).find(({ version }) => version === name)?.weight
      return weight === undefined ? [] : [`${Number(weight.toFixed(2))} % of ${metadata.name}`]
    })
    .join(', ')
}

function instanceLines(status: SystemStatus, now: number): readonly Line[] {
  const rows = status.versions.flatMap(({ instances }) => instances.list)
  if (rows.length === 0) return []
  const loaded = (read: (load: NonNullable<InstanceStatus['load']>) => string) => (instance: InstanceStatus) => ({
    text: instance.load ? read(instance.load) : '–',
  })
  return tableLines(rows, [
    { heading: 'INSTANCE', cell: ({ id }) => ({ text: id }) },
    {
      heading: 'STATE',
      cell: ({ state }): Piece =>
        state === 'ready'
          ? { text: '● ready', tone: 'green' }
          : state === 'failed'
            ? { text: `■ ${state}`, tone: 'red' }
            : { text: `▲ ${state}`, tone: 'yellow' },
    },
    {
      heading: 'BUSY',
      align: 'right',
      cell: loaded(({ running, sequences }) => (running === undefined ? '–' : sequences ? `${running}/${sequences}` : String(running))),
    },
    { heading: 'WAITING', align: 'right', cell: loaded(({ waiting }) => String(waiting)) },
    {
      heading: 'TOKENS',
      align: 'right',
      cell: loaded(({ tokensPerSecond }) => (tokensPerSecond === undefined ? '–' : perSecond(tokensPerSecond))),
    },
    {
      heading: 'CONTEXT',
      align: 'right',
      cell: loaded(({ cacheUsed }) => (cacheUsed === undefined ? '–' : share(cacheUsed))),
    },
    {
      heading: 'MEMORY',
      align: 'right',
      cell: loaded(({ residentBytes }) => (residentBytes === undefined ? '–' : formatBytes(residentBytes))),
    },
    { heading: 'RESTARTS', align: 'right', cell: ({ restarts }) => ({ text: String(restarts), tone: restarts > 0 ? 'yellow' : 'plain' }) },
    { heading: 'SINCE', align: 'right', cell: ({ since }) => ({ text: formatAge(now - since) }) },
    { heading: '', cell: ({ message }) => ({ text: message ?? '', tone: 'dim' }) },
  ])
}

function perSecond(value: number): string {
  return `${value === 0 ? '0' : value >= 10 ? Math.round(value) : value.toFixed(1)} /s`
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return '–'
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function share(value: number): string {
  return `${value === 0 ? '0' : value < 0.1 ? (value * 100).toFixed(1) : Math.round(value * 100)} %`
}
