/** What gateways say is wrong with them, asked on their own sockets: of this machine. One that says nothing has no troubles that are known. */
import { request } from 'node:http'
import type { ControlContext } from './context.ts'

export interface GatewayTroubles {
  readonly id: string
  /** In words. */
  readonly troubles: readonly string[]
}

const ASK_MS = 500

export async function gatewayTroubles(context: Pick<ControlContext, 'feed' | 'home'>): Promise<GatewayTroubles[]> {
  const connected = context.feed.gateways().filter((gateway) => gateway.connected)
  return await Promise.all(connected.map(async ({ id }) => ({ id, troubles: await ask(context.home.socket(id)) })))
}

/** Never rejects: whether a gateway can be asked at all is the feed's to say. */
function ask(socketPath: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/status', timeout: ASK_MS }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('error', () => resolve([]))
      response.on('end', () => {
        try {
          const { troubles } = JSON.parse(text) as { troubles?: unknown }
          resolve(Array.isArray(troubles) ? troubles.map(String) : [])
        } catch {
          resolve([]) // of another version
        }
      })
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve([]))
    asked.end()
  })
}
