/**
 * Which route and which version a request gets: pure functions of the tables, the request and one random number.
 *
 * Sticky units are placed by weighted rendezvous hashing (Schindelhauer & Schomaker, SPAA 2005): each version scores a unit with
 * −weight / ln h(unit, version), the highest wins. When one version's share grows at the others' expense, units only move towards it,
 * so a unit that is in it stays; and the order in which versions are written does not matter.
 */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { onceForEach } from '../kernel/once-for-each.ts'
import {
  type CompiledArm,
  type CompiledDivision,
  type CompiledRoute,
  type CompiledSplit,
  type CompiledVersion,
  entryKey,
} from '../resources/snapshot.ts'
import type { Caller } from './authenticate.ts'
import { forbidden, type GatewayError, notFound, unavailable } from './errors.ts'
import { routeOf, type Tables, versionsOf } from './snapshot/tables.ts'

export interface Unit {
  readonly kind: 'header' | 'body' | 'consumer' | 'random'
  /** Absent for `random`. */
  readonly value?: string
}

export interface Choice {
  readonly route: CompiledRoute
  readonly assigned: CompiledVersion
  /** `pin`: the caller named the version itself. `preview`: it is among those who see a release before others do. */
  readonly why: 'weights' | 'pin' | 'preview'
  readonly unit: Unit
  /** What an experiment on the route knows the caller by; its arm only where callers are divided already. */
  readonly experiment?: { readonly unit: Unit; readonly arm?: CompiledArm }
}

export function choose(
  tables: Tables,
  caller: Caller,
  request: { readonly model: string; readonly user?: string; readonly headers: IncomingHttpHeaders },
  random: number,
): Choice | GatewayError {
  const { namespace } = caller.key
  const at = request.model.lastIndexOf('@')
  const name = at > 0 ? request.model.slice(0, at) : request.model
  const pin = at > 0 ? request.model.slice(at + 1) : undefined
  const mayUse = caller.consumer.models.includes('*') || caller.consumer.models.includes(name)
  const route = routeOf(tables, namespace, name)
  // Whether a model exists is not told to those who may not use it.
  if (!route || !mayUse) return unknownModel(tables, caller, request.model)

  if (pin !== undefined) {
    if (!caller.consumer.pinVersions)
      return forbidden('This API key may not choose a version itself; leave out what follows the "@".', 'version_pin_forbidden')
    const assigned = pinnedVersion(tables, route, pin)
    if (!assigned) return notFound(`The model "${name}" has no version "${pin}" here.`, 'model_not_found', 'model')
    return { route, assigned, why: 'pin', unit: NO_UNIT }
  }
  const preview = route.division?.preview
  if (preview && isPreviewed(preview, caller, request.headers)) {
    const assigned = tables.versions.get(entryKey.version(route.namespace, preview.to))
    if (assigned) return { route, assigned, why: 'preview', unit: NO_UNIT }
  }
  const unit = stickyUnit(route, request, caller)
  const experiment = route.division?.split && dividedBy(route.division.split, route.division.uid, request, caller, random)
  const versionName = experiment?.arm ? experiment.arm.version : pickTarget(route, unit, random)
  const assigned = versionName === undefined ? undefined : versionsOf(tables, route).get(versionName)
  if (!assigned) return unavailable(`The route "${route.name}" leads to no version that exists.`, 'no_version')
  return experiment ? { route, assigned, why: 'weights', unit, experiment } : { route, assigned, why: 'weights', unit }
}

type Addressed = Pick<Parameters<typeof choose>[2], 'user' | 'headers'>

function dividedBy(split: CompiledSplit, salt: string, request: Addressed, caller: Caller, random: number): Choice['experiment'] {
  const unit = stickyUnit(split, request, caller)
  const name = pickTarget({ targets: armsAsTargets(split), salt }, unit, random)
  const arm = split.arms.find((each) => each.name === name)
  return arm ? { unit, arm } : { unit }
}

const armsAsTargets = onceForEach(({ arms }: CompiledSplit) => arms.map(({ name, weight }) => ({ version: name, weight })))

const NO_UNIT: Unit = { kind: 'random' }

type Preview = NonNullable<CompiledDivision['preview']>

const headersOf = onceForEach(({ headers }: Preview) =>
  Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const),
)

function isPreviewed(preview: Preview, caller: Caller, headers: IncomingHttpHeaders): boolean {
  const wanted = headersOf(preview)
  if (wanted.length > 0 && wanted.every(([name, value]) => headers[name] === value)) return true
  return preview.consumers.includes(caller.consumer.name)
}

/** A version of a model that the route's targets serve; the public name itself counts as a model's name too. */
function pinnedVersion(tables: Tables, route: CompiledRoute, pin: string): CompiledVersion | undefined {
  for (const { version } of [...route.targets, ...route.fallbacks]) {
    const target = tables.versions.get(entryKey.version(route.namespace, version))
    if (!target) continue
    if (target.version === pin) return target
    const sibling = tables.versionByRef.get(`${route.namespace}/${target.model}@${pin}`)
    if (sibling) return sibling
  }
  return undefined
}

function stickyUnit(
  { stickyBy }: Pick<CompiledRoute, 'stickyBy'>,
  request: { readonly user?: string; readonly headers: IncomingHttpHeaders },
  caller: Caller,
): Unit {
  const { header, body, else: otherwise } = stickyBy
  if (header) {
    const value = request.headers[header.toLowerCase()]
    if (typeof value === 'string' && value !== '') return { kind: 'header', value }
  }
  if (body === 'user' && request.user) return { kind: 'body', value: request.user }
  return otherwise === 'consumer' ? { kind: 'consumer', value: caller.consumer.name } : { kind: 'random' }
}

/** Name of the chosen version; `random` in [0, 1) decides where no unit does. */
export function pickTarget(route: Pick<CompiledRoute, 'targets' | 'salt'>, unit: Unit, random: number): string | undefined {
  const targets = route.targets.every(hasWeight) ? route.targets : route.targets.filter(hasWeight)
  if (targets.length <= 1) return targets[0]?.version
  if (unit.value === undefined) {
    let left = random * targets.reduce((sum, { weight }) => sum + weight, 0)
    for (const { version, weight } of targets) {
      left -= weight
      if (left < 0) return version
    }
    return targets.at(-1)!.version
  }
  let best: string | undefined
  let bestScore = -Infinity
  for (const { version, weight } of targets) {
    const score = -weight / Math.log(uniform(route.salt, unit, version))
    if (score > bestScore) {
      best = version
      bestScore = score
    }
  }
  return best
}

const hasWeight = ({ weight }: { readonly weight: number }) => weight > 0

/** 48 bits of a keyed hash as a number in (0, 1). */
function uniform(salt: string, unit: Unit, version: string): number {
  const digest = createHash('sha256').update(`${salt}\0${unit.kind}\0${unit.value}\0${version}`).digest()
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48
}

/** The keyed hash under which records know a unit. */
export function unitHash(salt: string, unit: Unit): string {
  return createHash('sha256')
    .update(`${salt}\0unit\0${unit.value ?? ''}`)
    .digest('base64url')
    .slice(0, 16)
}

function unknownModel(tables: Tables, caller: Caller, model: string): GatewayError {
  const names = usableModels(tables, caller)
  const shown = names.slice(0, 8).join(', ')
  const advice =
    names.length === 0 ? 'This API key may use no model here.' : `Models for this API key: ${shown}${names.length > 8 ? ', …' : ''}.`
  return notFound(
    `The model "${model.slice(0, 256)}" does not exist here, or this API key may not use it. ${advice}`,
    'model_not_found',
    'model',
  )
}

/** Public names that the caller may use, sorted. */
export function usableModels(tables: Tables, caller: Caller): string[] {
  const all = caller.consumer.models.includes('*')
  const names: string[] = []
  for (const route of tables.route.values()) {
    if (route.namespace !== caller.key.namespace) continue
    for (const name of route.models) if (all || caller.consumer.models.includes(name)) names.push(name)
  }
  return names.sort()
}
