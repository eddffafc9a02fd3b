/**
 * What the whole console knows of the running system: status and resources by polling, traffic as a stream. Survives a restart of control:
 * what was known stays on the screen, `connection` says that it is old, and it goes on by itself.
 */
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import type { TrafficEvent } from '../../../src/control/records/traffic-event.ts'
import type { SystemStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { API, ApiError, getJson, listResources } from './client.ts'

/** Who is signed in. */
export interface Session {
  readonly actor: string
  readonly role: 'viewer' | 'editor' | 'admin'
}

export interface System {
  readonly session: Session | undefined
  readonly connection: 'connecting' | 'live' | 'reconnecting' | 'signed-out'
  readonly status: SystemStatus | undefined
  readonly traffic: TrafficEvent | undefined
  readonly models: readonly Resource<'Model'>[]
  readonly routes: readonly Resource<'Route'>[]
  readonly versions: readonly Resource<'ModelVersion'>[]
}

const EMPTY: System = {
  session: undefined,
  connection: 'connecting',
  status: undefined,
  traffic: undefined,
  models: [],
  routes: [],
  versions: [],
}
const POLL_MS = 2_000

const SystemContext = createContext<System>(EMPTY)

export const useSystem = (): System => useContext(SystemContext)

export function SystemProvider({ children }: { children: ReactNode }) {
  const [system, setSystem] = useState(EMPTY)

  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let traffic: EventSource | undefined

    // The stream notices at once that control is gone; polling notices that it is back, or that the session has ended.
    const listen = () => {
      const source = new EventSource(`${API}/traffic`)
      traffic = source
      source.onmessage = (event) => setSystem((before) => ({ ...before, traffic: JSON.parse(event.data) as TrafficEvent }))
      source.onerror = () => {
        setSystem((before) => (before.connection === 'live' ? { ...before, connection: 'reconnecting' } : before))
        // The browser tries again by itself, but not after an answer that is no stream, and not soon enough.
        source.close()
        if (traffic === source) traffic = undefined
      }
    }
    const poll = async () => {
      try {
        const [session, status, models, routes, versions] = await Promise.all([
          getJson<Session>('/session', abort.signal),
          getJson<SystemStatus>('/status', abort.signal),
          listResources<'Model'>('models', abort.signal),
          listResources<'Route'>('routes', abort.signal),
          listResources<'ModelVersion'>('modelversions', abort.signal),
        ])
        if (!traffic) listen()
        setSystem((before) => ({ ...before, connection: 'live', session, status, models, routes, versions }))
      } catch (error) {
        if (abort.signal.aborted) return
        const signedOut = error instanceof ApiError && error.status === 401
        if (signedOut) {
          traffic?.close()
          traffic = undefined
        }
        setSystem((before) => ({ ...before, connection: signedOut ? 'signed-out' : before.status ? 'reconnecting' : 'connecting' }))
      }
      timer = setTimeout(poll, POLL_MS)
    }
    void poll()
    return () => {
      abort.abort()
      clearTimeout(timer)
      traffic?.close()
    }
  }, [])

  return <SystemContext value={system}>{children}</SystemContext>
}
