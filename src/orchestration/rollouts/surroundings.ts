/** What around a release speaks against going on with it, or against what a person wants of it: its route, its versions, other releases. Pure. */
import type { ExistingResources } from '../../resources/cross-checks.ts'
import type { Resource } from '../../resources/index.ts'
import { answers, isReady } from '../../resources/readiness.ts'
import { rolloutMisfits } from '../../resources/rollout-misfits.ts'
import type { ResourceStore } from '../../store/index.ts'
import type { Action } from './ladder.ts'
import { overlay } from './overlay.ts'
import { isRunningNow } from './plan.ts'

type Rollout = Resource<'Rollout'>
export type Readable = Pick<ResourceStore, 'get' | 'list'>

/** What speaks against an action besides its phase. */
export function whyNot(action: Action, rollout: Rollout, resources: Readable): string | undefined {
  const { spec, metadata } = rollout
  if (action === 'retry') return rolloutMisfits({ ...rollout, status: undefined }, 0, worldOf(resources, rollout))[0]?.message
  const route = resources.get('Route', metadata.namespace, spec.route)
  if (action === 'undo' && route?.spec.targets.some(({ version, weight }) => version === spec.to && weight > 0))
    return `the route itself says ${spec.to} by now; put ${spec.from} there and apply it.`
  if (action === 'undo') {
    const next = onSameRoute(rollout, resources).find((each) => each.spec.from === spec.to && (each.status?.weight ?? 0) > 0)
    if (next) return `Rollout/${next.metadata.name} takes its share of ${spec.to}, so it goes first: abort or undo that one.`
  }
  return undefined
}

/** All there is, but for what this release was before. */
function worldOf(resources: Readable, rollout: Rollout): ExistingResources {
  const isIt = (each: Resource) => each.kind === 'Rollout' && each.metadata.uid === rollout.metadata.uid
  return {
    get: (kind, namespace, name) => {
      const found = resources.get(kind, namespace, name)
      return found && !isIt(found) ? found : undefined
    },
    list: (kind) => resources.list(kind).filter((each) => !isIt(each)),
  }
}

/** A sentence. To begin with, all of the new version must be ready; later on, some of it, unless the old one is no better off. */
export function whyNotReady(rollout: Rollout, resources: Readable): string | undefined {
  const { spec, metadata } = rollout
  const versionOf = (name: string) => resources.get('ModelVersion', metadata.namespace, name)
  const version = versionOf(spec.to)
  if (!version) return `${spec.to} does not exist.`
  const begun = isRunningNow(rollout)
  if (isReady(version) || (begun && (answers(version) || !answers(versionOf(spec.from))))) return undefined
  return `${spec.to} is not ready: ${version.status?.message ?? `it is ${version.status?.state ?? 'not there yet'}.`}`
}

/** A sentence. A release takes its share of what goes to its old version; if that is nothing, it moves nothing. */
export function whyDisplaced(rollout: Rollout, resources: Readable): string | undefined {
  const { spec, metadata } = rollout
  const route = resources.get('Route', metadata.namespace, spec.route)
  if (!route) return `There is no Route ${spec.route}.`
  const { targets } = overlay(route.spec.targets, onSameRoute(rollout, resources))
  return targets.some(({ version, weight }) => version === spec.from && weight > 0)
    ? undefined
    : `Route ${spec.route} sends nothing to ${spec.from}, so there is nothing to take from it.`
}

/** What was promoted stands in the route by now. */
export function isWritten({ spec, metadata }: Rollout, resources: Readable): boolean {
  const targets = resources.get('Route', metadata.namespace, spec.route)?.spec.targets ?? []
  const gets = (name: string) => targets.some(({ version, weight }) => version === name && weight > 0)
  return gets(spec.to) && !gets(spec.from)
}

function onSameRoute({ spec, metadata }: Rollout, resources: Readable): Rollout[] {
  return resources
    .list('Rollout', metadata.namespace)
    .filter((each) => each.spec.route === spec.route && each.metadata.uid !== metadata.uid)
}
