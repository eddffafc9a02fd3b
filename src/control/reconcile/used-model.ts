import type { Resource } from '../../resources/index.ts'
import type { UsedModel } from '../../serving/backends/index.ts'

/** The model there that a version is about. */
export function usedBy({ spec }: Resource<'ModelVersion'>): UsedModel {
  const { model = spec.model, version, label } = spec.source.backend!
  return { model, ...(version === undefined ? {} : { version }), ...(label === undefined ? {} : { label }) }
}
