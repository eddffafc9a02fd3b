/** What `strata get` shows of each kind. */
import { formatAge } from '../kernel/units.ts'
import { metricKey } from '../resources/comparison.ts'
import type { Kind, Resource } from '../resources/index.ts'
import type { Column } from './table.ts'

/** What a table of one kind may need of the others. */
export interface World {
  readonly now: number
  readonly routes: readonly Resource<'Route'>[]
  /** When each key was last used, milliseconds since the epoch, by "namespace/name". */
  readonly lastUses: ReadonlyMap<string, number>
  /** Namespaces differ: they get a column. */
  readonly allNamespaces: boolean
}

export function columnsOf(kind: Kind, world: World): Column<Resource>[] {
  const own = COLUMNS[kind](world) as Column<Resource>[]
  return [
    ...(world.allNamespaces ? [{ heading: 'NAMESPACE', value: (one: Resource) => one.metadata.namespace }] : []),
    { heading: 'NAME', value: (one) => one.metadata.name },
    ...own,
    { heading: 'AGE', value: (one) => ageOf(one, world.now), align: 'right' },
    { heading: 'GENERATION', value: (one) => String(one.metadata.generation ?? ''), align: 'right', wide: true },
    {
      heading: 'LABELS',
      value: (one) =>
        Object.entries(one.metadata.labels ?? {})
          .map(([k, v]) => `${k}=${v}`)
          .join(','),
      wide: true,
    },
  ]
}

function ageOf(resource: Resource, now: number): string {
  const created = Date.parse(resource.metadata.creationTimestamp ?? '')
  return Number.isNaN(created) ? '' : formatAge(now - created)
}

function decisionOf(status: Resource<'Experiment'>['status']): string {
  const { decision, arm } = status ?? {}
  return decision === undefined ? '' : arm === undefined ? decision : `${decision} ${arm}`
}

type ColumnsByKind = { [K in Kind]: (world: World) => Column<Resource<K>>[] }

const COLUMNS: ColumnsByKind = {
  Model: () => [
    { heading: 'TASK', value: ({ spec }) => spec.task },
    { heading: 'DESCRIPTION', value: ({ spec }) => spec.description ?? '' },
  ],
  ModelVersion: (world) => [
    { heading: 'MODEL', value: ({ spec }) => spec.model },
    { heading: 'VERSION', value: ({ spec }) => spec.version, wide: true },
    { heading: 'ENGINE', value: (version) => engineOf(version) },
    { heading: 'WEIGHTS', value: (version) => weightsOf(version) },
    {
      heading: 'INSTANCES',
      value: ({ status }) => (status?.instances ? `${status.instances.ready}/${status.instances.wanted}` : ''),
      align: 'right',
    },
    { heading: 'STATE', value: ({ status }) => (status?.simulated ? `${status.state ?? ''} (SIMULATED)` : (status?.state ?? '')) },
    { heading: 'TRAFFIC', value: (version) => trafficOf(version, world.routes), align: 'right' },
    { heading: 'MESSAGE', value: ({ status }) => status?.message ?? '', wide: true },
  ],
  Route: () => [
    { heading: 'MODELS', value: ({ spec }) => spec.models.join(',') },
    {
      heading: 'TARGETS',
      value: (route) =>
        effectiveTargets(route)
          .map(({ version, weight }) => `${version} ${weight} %`)
          .join(', '),
    },
    { heading: 'DECIDED BY', value: ({ status }) => status?.effective?.by ?? 'spec' },
    { heading: 'LIMITS', value: ({ spec }) => spec.limits.join(','), wide: true },
  ],
  Backend: () => [
    { heading: 'PROTOCOL', value: ({ spec }) => spec.protocol },
    { heading: 'ADDRESS', value: ({ spec }) => spec.address },
    { heading: 'READY', value: ({ status }) => status?.conditions.find(({ type }) => type === 'Ready')?.status ?? '' },
    { heading: 'SERVER', value: ({ status }) => status?.server ?? '' },
    { heading: 'MODELS', value: ({ status }) => status?.models?.map(modelText).join(',') ?? '', wide: true },
  ],
  Consumer: () => [
    { heading: 'MODELS', value: ({ spec }) => spec.models.join(',') },
    { heading: 'PRIORITY', value: ({ spec }) => spec.priority },
    { heading: 'LIMITS', value: ({ spec }) => spec.limits.join(',') },
  ],
  Limit: () => [
    { heading: 'PER', value: ({ spec }) => spec.per },
    {
      heading: 'RULES',
      value: ({ spec }) =>
        spec.rules
          .map((rule) =>
            'concurrent' in rule
              ? `${rule.concurrent} at once`
              : 'requests' in rule
                ? `${rule.requests} requests/${rule.every}`
                : `${rule.tokens} tokens/${rule.every}`,
          )
          .join(', '),
    },
  ],
  Experiment: () => [
    { heading: 'ROUTE', value: ({ spec }) => spec.route },
    { heading: 'ARMS', value: ({ spec }) => spec.arms.map(({ name, weight }) => `${name} ${weight} %`).join(', ') },
    { heading: 'METRIC', value: ({ spec }) => metricKey(spec.primary) },
    { heading: 'PHASE', value: ({ status }) => status?.phase ?? 'Pending' },
    { heading: 'DECISION', value: ({ status }) => decisionOf(status) },
    { heading: 'MESSAGE', value: ({ status }) => status?.message ?? '', wide: true },
  ],
  Rollout: () => [
    { heading: 'ROUTE', value: ({ spec }) => spec.route },
    { heading: 'FROM', value: ({ spec }) => spec.from },
    { heading: 'TO', value: ({ spec }) => spec.to },
    { heading: 'PHASE', value: ({ status }) => status?.phase ?? 'Pending' },
    {
      heading: 'STEP',
      value: ({ spec, status }) => `${Math.min((status?.step ?? 0) + 1, spec.steps.length)}/${spec.steps.length}`,
      align: 'right',
    },
    { heading: 'WEIGHT', value: ({ status }) => `${status?.weight ?? 0} %`, align: 'right' },
    { heading: 'MESSAGE', value: ({ status }) => status?.message ?? '', wide: true },
  ],
  ApiKey: (world) => [
    { heading: 'CONSUMER', value: ({ spec }) => spec.consumer },
    { heading: 'PREFIX', value: ({ spec }) => (spec.prefix ? `${spec.prefix}…` : '') },
    { heading: 'STATE', value: ({ spec }) => keyState(spec, world.now) },
    { heading: 'EXPIRES', value: ({ spec }) => spec.expires ?? 'never' },
    { heading: 'LAST USED', value: (key) => lastUseOf(key, world), wide: true },
  ],
}

function lastUseOf({ metadata: { namespace, name } }: Resource<'ApiKey'>, { lastUses, now }: World): string {
  const at = lastUses.get(`${namespace}/${name}`)
  return at === undefined ? '' : `${formatAge(now - at)} ago`
}

function keyState(spec: Resource<'ApiKey'>['spec'], now: number): string {
  if (spec.revoked) return 'revoked'
  return spec.expires && Date.parse(spec.expires) <= now ? 'expired' : 'active'
}

function engineOf({ spec }: Resource<'ModelVersion'>): string {
  return spec.source.engine?.kind ?? (spec.source.image ? 'image' : 'backend')
}

/** "SmolLM2-135M-Instruct.Q4_1" of the first place; a backend's name where there are no weights. */
function weightsOf({ spec }: Resource<'ModelVersion'>): string {
  const { engine, backend, image } = spec.source
  if (image) return image.name
  if (backend) return backend.name
  if (engine?.kind !== 'llama') return ''
  const file =
    engine.weights.from[0]!.replace(/@[^/@]*$/, '')
      .split('/')
      .at(-1) ?? ''
  return file.replace(/\.gguf$/, '')
}

type BackendModel = NonNullable<NonNullable<Resource<'Backend'>['status']>['models']>[number]

function modelText({ name, version, state }: BackendModel): string {
  return `${name}${version === undefined ? '' : `@${version}`}${state === 'ready' ? '' : ` (${state})`}`
}

/** A release takes parts of whole weights. */
function effectiveTargets(route: Resource<'Route'>) {
  const targets = route.status?.effective?.targets ?? route.spec.targets
  return targets.map(({ version, weight }) => ({ version, weight: Number(weight.toFixed(2)) }))
}

/** Its share of each route that names it, the largest first. */
function trafficOf(version: Resource<'ModelVersion'>, routes: readonly Resource<'Route'>[]): string {
  const shares = routes
    .filter((route) => route.metadata.namespace === version.metadata.namespace)
    .flatMap((route) => effectiveTargets(route).filter((target) => target.version === version.metadata.name))
    .map(({ weight }) => weight)
    .sort((a, b) => b - a)
  return shares.map((share) => `${share} %`).join(', ')
}
