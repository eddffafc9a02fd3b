/** Which gateways have what was just changed. */
import type { SystemStatus } from '../control/status.ts'
import type { ControlClient } from './control-client.ts'

/** @param confirmed Every connected gateway has said so already. */
export async function whoHasIt(client: ControlClient, confirmed: boolean): Promise<string> {
  const { gateways, snapshot } = await client.call<SystemStatus>('GET', '/status')
  const connected = gateways.filter((gateway) => gateway.connected)
  // What has been confirmed stays so: by now there may be a newer snapshot, which not all of them run yet.
  const current = confirmed
    ? connected.length
    : connected.filter(({ version, status }) => status === 'ack' && version >= snapshot.version).length
  if (connected.length === 0) return 'no gateway is connected'
  const words = `${current} of ${connected.length} ${connected.length === 1 ? 'gateway has' : 'gateways have'} it`
  return current === connected.length ? words : `${words} so far, the others have not confirmed yet`
}
