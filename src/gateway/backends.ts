/** Where a version that is served elsewhere is reached: its address, read once. */
import type { CompiledVersion } from '../resources/snapshot.ts'
import type { UpstreamTarget } from './upstream/index.ts'

export type BackendSource = Extract<CompiledVersion['source'], { type: 'backend' }>

export interface Backend {
  readonly target: UpstreamTarget
  /** What stands before the paths of the dialect: "/v1", or nothing. */
  readonly prefix: string
}

const known = new WeakMap<BackendSource, Backend>()

export function backendOf(source: BackendSource): Backend {
  let backend = known.get(source)
  if (!backend) {
    const { origin, pathname } = new URL(source.address)
    backend = { target: { address: { origin } }, prefix: pathname.replace(/\/$/, '') }
    known.set(source, backend)
  }
  return backend
}
