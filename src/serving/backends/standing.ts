/** How one model stands on a server, by the server's own words. Pure. */
import type { BackendProbe, UsedModel } from './port.ts'

export interface Standing {
  readonly state: 'Pending' | 'Starting' | 'Ready' | 'Failed'
  readonly message?: string
}

const SHOWN_MODELS = 5

/** `probe`: undefined before the first answer about this model. */
export function standingOf(probe: BackendProbe | undefined, { model, version, label }: UsedModel): Standing {
  if (!probe) return { state: 'Pending' }
  if (!probe.reachable) return { state: 'Failed', message: probe.message ?? 'it does not answer' }
  if (!probe.ready) return { state: 'Starting', message: probe.message ?? 'it is not ready' }
  const named = probe.models?.filter(({ name }) => name === model) ?? []
  const there = named.filter((each) => (version === undefined || each.version === version) && (label === undefined || each.label === label))
  if (named.length > 0 && there.length === 0) {
    const versions = named.flatMap((each) => each.version ?? []).slice(0, SHOWN_MODELS)
    const asked = version === undefined ? `label "${label}"` : `version "${version}"`
    return { state: 'Failed', message: `"${model}" has no ${asked} there; it has ${versions.join(', ') || 'none'}` }
  }
  if (there.length === 0) {
    if (!probe.onlyListed) return { state: 'Ready' }
    const names = [...new Set(probe.models?.map(({ name }) => name))]
    const shown = names.slice(0, SHOWN_MODELS).join(', ') + (names.length > SHOWN_MODELS ? ', …' : '')
    return { state: 'Failed', message: `it has no model "${model}"${shown && `; it has ${shown}`}` }
  }
  if (there.some(({ state }) => state === 'ready')) return { state: 'Ready' }
  const { state, reason } = there[0]!
  const why = reason ? ` (${reason})` : ''
  return state === 'loading'
    ? { state: 'Starting', message: `it is loading "${model}"${why}` }
    : { state: 'Failed', message: `"${model}" is ${state === 'unloaded' ? 'not loaded' : 'broken'} there${why}` }
}
