/** `strata status`: the whole system at one glance. */
import type { SystemStatus } from '../../control/status.ts'
import { formatAge } from '../../kernel/units.ts'
import { connectControl } from '../control-client.ts'
import { shownName } from '../names.ts'
import { formatFields, formatTable } from '../table.ts'
import { type Palette, palette, progressText } from '../terminal.ts'

export async function status(flags: { output?: string }): Promise<void> {
  const client = connectControl()
  const found = await client.call<SystemStatus>('GET', '/status')
  if (flags.output === 'json') console.log(JSON.stringify(found, undefined, 2))
  else console.log(formatStatus(found, client.url, Date.now(), palette()))
}

export function formatStatus(system: SystemStatus, consoleUrl: string, now: number, colour: Palette): string {
  const age = (since: number) => formatAge(now - since)
  const parts = [
    formatFields([
      ['Strata', `${system.version}, up ${age(Date.parse(system.startedAt))}`],
      ['Gateway', system.gatewayUrl],
      ['Console', consoleUrl],
      ['Store', `${system.store.kind}, at ${system.store.resourceVersion}`],
    ]),
  ]
  if (system.processes.length > 0)
    parts.push(
      formatTable(system.processes, [
        { heading: 'PROCESS', value: (one) => one.name },
        { heading: 'STATE', value: (one) => one.state },
        { heading: 'PID', value: (one) => String(one.pid ?? ''), align: 'right' },
        { heading: 'RESTARTS', value: (one) => String(one.restarts), align: 'right' },
        { heading: 'SINCE', value: (one) => age(one.since), align: 'right' },
        { heading: 'LAST END', value: (one) => one.lastEnd ?? '' },
      ]),
    )
  if (system.gateways.length > 0)
    parts.push(
      formatTable(system.gateways, [
        { heading: 'GATEWAY', value: (one) => one.id },
        { heading: 'SNAPSHOT', value: (one) => `${one.version} of ${system.snapshot.version}`, align: 'right' },
        { heading: 'STATE', value: (one) => (one.connected ? one.status : 'not connected') },
        { heading: 'SEEN', value: (one) => age(one.lastSeen), align: 'right' },
        { heading: 'REASON', value: (one) => one.reason ?? '' },
      ]),
    )
  if (system.versions.length > 0)
    parts.push(
      formatTable(system.versions, [
        { heading: 'VERSION', value: (one) => shownName(one.namespace, one.name) },
        { heading: 'ENGINE', value: (one) => (one.simulated && one.engine !== 'simulated' ? `${one.engine} (SIMULATED)` : one.engine) },
        { heading: 'STATE', value: (one) => one.state },
        { heading: 'INSTANCES', value: (one) => `${one.instances.ready}/${one.instances.wanted}`, align: 'right' },
        {
          heading: 'MESSAGE',
          value: (one) =>
            one.weights?.receivedBytes === undefined
              ? (one.message ?? '')
              : progressText(one.weights.receivedBytes, one.weights.bytes, undefined),
        },
      ]),
    )
  for (const { message, advice } of system.warnings) parts.push(colour.red(`! ${message}${advice ? ` ${advice}` : ''}`))
  return parts.join('\n\n')
}
