/** What the pages of backends know: the backends, and what of ours lives on each. */
import { useMemo } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { useSystem } from '../api/system.tsx'
import { compareVersions, type VersionRow, versionRow } from '../models/versions.ts'
import { useFetched } from '../parts/index.ts'
import { type BackendState, backendState } from './words.ts'

export type Backend = Resource<'Backend'>

export interface BackendRow {
  readonly backend: Backend
  readonly state: BackendState
  /** The versions of ours that live on it, by model, newest first. */
  readonly versions: readonly VersionRow[]
}

export interface Backends {
  readonly rows: readonly BackendRow[] | undefined
  again(): void
}

export function useBackends(): Backends {
  const { models, versions, routes, status, traffic } = useSystem()
  const backends = useFetched<{ items: Backend[] }>('/backends')
  const rows = useMemo(
    () =>
      backends.data?.items.map((backend): BackendRow => {
        const { name, namespace } = backend.metadata
        return {
          backend,
          state: backendState(backend),
          versions: versions
            .filter(({ metadata, spec }) => metadata.namespace === namespace && spec.source.backend?.name === name)
            .sort((a, b) => a.spec.model.localeCompare(b.spec.model) || compareVersions(b.spec.version, a.spec.version))
            .map((version) => versionRow(version, { models, versions, routes, status, traffic })),
        }
      }),
    [backends.data, models, versions, routes, status, traffic],
  )
  return { rows, again: backends.again }
}
