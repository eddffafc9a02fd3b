/** The list of models that versions of ours make, for a server that can only be told its whole list. */
import type { WantedModel } from '../port.ts'
import type { ListedModel } from './plan.ts'

/** Throws where a model is named without the place that the server finds it in: a list without it would take it away. */
export function listOf(wanted: readonly WantedModel[]): ListedModel[] {
  const models = new Map<string, WantedModel[]>()
  for (const each of wanted) models.set(each.model, [...(models.get(each.model) ?? []), each])
  return [...models].map(([name, versions]) => {
    const places = [...new Set(versions.flatMap(({ from }) => from ?? []))]
    if (places.length !== 1)
      throw new Error(
        places.length === 0
          ? `it can only be told its whole list, and no version says where the model "${name}" is: set source.backend.from to its base path`
          : `versions of the model "${name}" name different base paths: ${places.join(', ')}`,
      )
    const named = versions.flatMap(({ version }) => version ?? [])
    const labels = Object.fromEntries(versions.flatMap(({ label, version }) => (label && version ? [[label, version]] : [])))
    return {
      name,
      basePath: places[0]!,
      // One without a version wants the newest, and which that is only the server knows.
      ...(named.length === 0 ? {} : { versions: named.length === versions.length ? [...new Set(named)] : ('all' as const) }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    }
  })
}
