/** `strata rollout`: one release live, and what a person may tell it. */
import type { SystemStatus } from '../../control/status.ts'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import type { Resource } from '../../resources/index.ts'
import { inPercent, isRunning, phaseOf, type Rollout } from '../../resources/rollout-view.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { printLines } from '../lines.ts'
import { canBeLive, pause, showLive } from '../live-screen.ts'
import { getResource } from '../resource-access.ts'
import { rolloutLines, type Seen } from '../rollout/screen.ts'

const EVERY_MS = 1_000

export interface RolloutFlags {
  readonly namespace: string
  readonly watch?: boolean
  readonly output?: string
}

export async function getRollout(name: string, flags: RolloutFlags): Promise<void> {
  const client = connectControl()
  const look = (signal?: AbortSignal) => lookAt(client, flags.namespace, name, signal)
  const first = await look()
  if (!flags.watch) return print(first, flags)
  const live = flags.output !== 'json' && canBeLive()
  const last = live ? await watchOnTerminal(first, look) : await watchInLines(first, look, flags)
  if (live) print(last, flags)
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

function print(seen: Seen, { output }: RolloutFlags): void {
  if (output === 'json') console.log(JSON.stringify(seen.rollout, undefined, 2))
  else printLines((columns) => rolloutLines(seen, { columns }, Date.now()))
}

async function watchOnTerminal(first: Seen, look: (signal: AbortSignal) => Promise<Seen>): Promise<Seen> {
  const { last, left } = await showLive(first, {
    look,
    lines: (seen, size, away) => rolloutLines(seen, size, Date.now(), away),
    isOver: ({ rollout }) => !isRunning(rollout),
  })
  // Whoever waits for the end must not take this for it.
  if (left) throw new Exit(EXIT.interrupted)
  return last
}

/** For a log: what is now, then each event as it comes, then how it ended. As JSON: a line whenever something is different. */
async function watchInLines(first: Seen, look: () => Promise<Seen>, flags: RolloutFlags): Promise<Seen> {
  const json = flags.output === 'json'
  const tell = ({ rollout }: Seen, after: string) => {
    if (json) return console.log(JSON.stringify(rollout))
    for (const { time, event, message } of rollout.status?.history ?? []) if (time > after) console.log(`${time}  ${event}  ${message}`)
  }
  let seen = first
  if (json) tell(seen, '')
  else print(seen, flags)
  let away = false
  while (isRunning(seen.rollout)) {
    await pause(EVERY_MS)
    try {
      const next = await look()
      const newest = seen.rollout.status?.history.at(-1)?.time ?? ''
      if (!json || next.rollout.metadata.resourceVersion !== seen.rollout.metadata.resourceVersion) tell(next, newest)
      seen = next
      away = false
    } catch (error) {
      if (error instanceof StrataError && error.code === 'not_found') throw error
      if (!away) process.stderr.write(`reconnecting… ${messageOf(error)}\n`)
      away = true
    }
  }
  if (!json && seen !== first) {
    console.log()
    print(seen, flags)
  }
  return seen
}

/** `action` as the API names it. */
export async function tellRollout(action: string, name: string, { namespace }: { readonly namespace: string }): Promise<void> {
  const client = connectControl()
  const path = `/rollouts/${encodeURIComponent(name)}/${action}?namespace=${encodeURIComponent(namespace)}`
  const { rollout, confirmed } = await client.call<{ rollout: Rollout; confirmed: boolean }>('POST', path)
  const status = await client.call<SystemStatus>('GET', '/status')
  const label = `Rollout/${namespace === 'default' ? '' : `${namespace}/`}${name}`
  console.log(`~ ${label}: ${nowIs(rollout)}; ${whoHasIt(status, confirmed)}`)
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
      return `everything goes to ${spec.from} again`
    default:
      return `begins anew as soon as ${spec.to} is ready`
  }
}

function whoHasIt(status: SystemStatus, confirmed: boolean): string {
  const connected = status.gateways.filter((gateway) => gateway.connected)
  const current = connected.filter(({ version, status: ack }) => ack === 'ack' && version >= status.snapshot.version).length
  if (connected.length === 0) return 'no gateway is connected'
  const gateways = `${current} of ${connected.length} ${connected.length === 1 ? 'gateway has' : 'gateways have'} it`
  return confirmed || current === connected.length ? gateways : `${gateways} so far, the others have not confirmed yet`
}
