/** How far a start is, from what control says of the system, and what of that a person should know. Pure. */
import type { SystemStatus, VersionStatus } from '../control/status.ts'
import { asSentence } from '../kernel/sentences.ts'

export type Step =
  | { readonly is: 'starting' | 'gateway' }
  | { readonly is: 'fetching' | 'version'; readonly version: VersionStatus }
  | { readonly is: 'done'; readonly status: SystemStatus; readonly version: VersionStatus | undefined }

/** `status` is undefined while control does not answer yet. */
export function stepOf(status: SystemStatus | undefined, gatewaysReady: boolean): Step {
  // Before that it would be told how things stood when the system ended.
  if (!status?.versionsKnown) return { is: 'starting' }
  const version = defaultVersion(status)
  if (version?.state === 'Fetching' && version.weights?.receivedBytes !== undefined) return { is: 'fetching', version }
  if (version && isPending(version)) return { is: 'version', version }
  return gatewaysReady ? { is: 'done', status, version } : { is: 'gateway' }
}

/** The version to wait for: the model that came with Strata, or the only one there is. */
function defaultVersion(status: SystemStatus): VersionStatus | undefined {
  const wanted = status.versions.filter((version) => version.engine !== 'backend' && version.instances.wanted > 0)
  return (
    wanted.find((version) => version.name === 'assistant-v1' && version.namespace === 'default') ??
    (wanted.length === 1 ? wanted[0] : undefined)
  )
}

/** Nobody answers for it yet. */
function isPending({ instances, state }: VersionStatus): boolean {
  return instances.ready === 0 && ['Pending', 'Fetching', 'Starting'].includes(state)
}

/** What must not go unnoticed. Versions that are simulated by their manifest are what they say they are. */
export function warningsOf(status: SystemStatus): string[] {
  const standIns = status.versions.filter(({ simulated, engine }) => simulated && engine !== 'simulated')
  return [
    ...standIns.map(({ name, message }) => {
      const why = message?.replace(/^The SIMULATED engine answers\. */, '') || `${name} has no weights.`
      return `${asSentence(why)} Running on the SIMULATED engine; trying again in the background.`
    }),
    ...status.warnings
      .filter(({ code }) => code === 'version_failed')
      .map(({ message, advice }) => (advice ? `${message} ${advice}` : message)),
  ]
}
