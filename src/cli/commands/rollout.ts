/** `strata rollout`: one release live, and what a person may tell it. */
import { StrataError } from '../../kernel/errors.ts'
import type { Resource } from '../../resources/index.ts'
import { inPercent, isRunning, phaseOf, type Rollout } from '../../resources/rollout-view.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { getResource, orNearest } from '../resource-access.ts'
import { rolloutLines, type Seen } from '../rollout/screen.ts'
import { printSeen, type Watched, watchUntilOver } from '../watch.ts'
import { whoHasIt } from '../who-has-it.ts'
import { get } from './get.ts'

export interface RolloutFlags {
  readonly namespace: string
  readonly watch?: boolean
  readonly output?: string
}

/** Without a name the table of all. */
export async function getRollout(name: string | undefined, { namespace, watch, output }: RolloutFlags): Promise<void> {
  if (name === undefined) {
    if (watch) throw new StrataError('usage', '--watch wants the name of one release.', { advice: 'See: strata rollout get' })
    return get('rollouts', [], { namespace, ...(output === undefined ? {} : { output }) })
  }
  const client = connectControl()
  const json = output === 'json'
  const watched: Watched<Seen> = {
    look: (signal) => lookAt(client, namespace, name, signal),
    resource: ({ rollout }) => rollout,
    isOver: ({ rollout }) => !isRunning(rollout),
    lines: (seen, size, away) => rolloutLines(seen, size, Date.now(), away),
  }
  const first = await watched.look()
  if (!watch) return printSeen(first, watched, { json })
  const last = await watchUntilOver(first, watched, { json })
  if (phaseOf(last.rollout) === 'Degraded') throw new Exit(EXIT.rolledBack)
}

async function lookAt(client: ControlClient, namespace: string, name: string, signal?: AbortSignal): Promise<Seen> {
  const rollout = await getResource(client, 'Rollout', namespace, name, signal)
  const route = await getResource(client, 'Route', namespace, rollout.spec.route, signal).catch((error: unknown) => {
    if (error instanceof StrataError && error.code === 'not_found') return undefined
    throw error
  })
  return { rollout, route }
}

/** `action` as the API names it. */
export async function tellRollout(action: string, name: string, { namespace, output }: Omit<RolloutFlags, 'watch'>): Promise<void> {
  const client = connectControl()
  const path = `/rollouts/${encodeURIComponent(name)}/${action}?namespace=${encodeURIComponent(namespace)}`
  const { rollout, confirmed } = await orNearest(client, { kind: 'Rollout', namespace, name }, () =>
    client.call<{ rollout: Rollout; confirmed: boolean }>('POST', path),
  )
  if (output === 'json') return console.log(JSON.stringify(rollout, undefined, 2))
  const label = `Rollout/${namespace === 'default' ? '' : `${namespace}/`}${name}`
  console.log(`~ ${label}: ${nowIs(rollout)}; ${await whoHasIt(client, confirmed)}`)
}

function nowIs({ spec, status }: Resource<'Rollout'>): string {
  const weight = inPercent(status?.weight ?? 0)
  switch (status?.phase) {
    case 'Paused':
      return `paused at ${weight}`
    case 'Progressing':
      return `goes on at ${weight}, step ${Math.min((status.step ?? 0) + 1, spec.steps.length)} of ${spec.steps.length}`
    case 'Healthy':
      return `promoted, ${spec.to} has all of what went to ${spec.from}`
    case 'Degraded':
      return `Route/${spec.route} has its own weights again`
    default:
      return `begins anew as soon as ${spec.to} is ready`
  }
}
