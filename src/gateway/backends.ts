/** Where a version that is served elsewhere is reached: its address, read once. */
import { onceForEach } from '../kernel/once-for-each.ts'
import type { BackendSource } from '../resources/snapshot.ts'
import type { UpstreamTarget } from './upstream/index.ts'

export interface Backend {
  readonly target: UpstreamTarget
  /** What stands before the paths of the dialect: "/v1", or nothing. */
  readonly prefix: string
}

/** Under which what is known of it is kept. */
export const backendId = (namespace: string, { backend }: BackendSource) => `backend/${namespace}/${backend}`

export const backendOf = onceForEach((source: BackendSource): Backend => {
  const { origin, pathname } = new URL(source.address)
  return { target: { address: { origin } }, prefix: pathname.replace(/\/$/, '') }
})
