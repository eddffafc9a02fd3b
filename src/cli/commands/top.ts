/**
 * `strata top`: the Overview in a terminal, anew every second until q. Without a terminal, or with --once, one snapshot in plain lines.
 */
import type { TrafficEvent } from '../../control/records/traffic-event.ts'
import type { SystemStatus } from '../../control/status.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { printLines } from '../lines.ts'
import { canBeLive, showLive } from '../live-screen.ts'
import { listResources } from '../resource-access.ts'
import { type Seen, screenLines } from '../top/screen.ts'

export async function top(flags: { once?: boolean }): Promise<void> {
  const client = connectControl()
  const first = await look(client)
  if (flags.once || !canBeLive()) return printLines((columns) => screenLines(first, { columns }, Date.now()))
  await showLive(first, {
    look: (signal) => look(client, signal),
    lines: (seen, size, away) => screenLines(seen, size, Date.now(), away),
  })
}

async function look(client: ControlClient, signal?: AbortSignal): Promise<Seen> {
  const [status, traffic, routes] = await Promise.all([
    client.call<SystemStatus>('GET', '/status', undefined, signal),
    client.call<TrafficEvent>('GET', '/traffic', undefined, signal),
    listResources(client, 'Route', undefined),
  ])
  return { status, traffic, routes }
}
