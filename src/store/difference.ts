/** The fields in which two JSON values differ, for audit rows and for people. */
export interface Difference {
  readonly path: readonly (string | number)[]
  readonly before?: unknown
  readonly after?: unknown
}

/** Lists are compared as a whole unless they are equally long: an index means nothing when entries moved. Absent and undefined are the same. */
export function differences(before: unknown, after: unknown, path: readonly (string | number)[] = []): Difference[] {
  if (Object.is(before, after)) return []
  const bothLists = Array.isArray(before) && Array.isArray(after) && before.length === after.length
  const bothFields = isFields(before) && isFields(after)
  if (!bothLists && !bothFields) return [{ path, before, after }]
  const a = before as Record<string, unknown>
  const b = after as Record<string, unknown>
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].flatMap((key) => differences(a[key], b[key], [...path, bothLists ? Number(key) : key]))
}

/**
 * The value before a change: undoes `differences` on what the change has made of it. Undefined when that is not what stands there: somebody
 * has changed it since.
 */
export function undone(value: unknown, made: readonly Difference[]): { readonly value: unknown } | undefined {
  let result = structuredClone(value)
  for (const { path, before, after } of made) {
    const last = path.at(-1)
    if (last === undefined) {
      if (!sameValue(result, after)) return undefined
      result = structuredClone(before)
      continue
    }
    const parent = path.slice(0, -1).reduce<unknown>((at, step) => (at as Record<string | number, unknown> | undefined)?.[step], result)
    if (typeof parent !== 'object' || parent === null) {
      if (after === undefined && before === undefined) continue
      return undefined
    }
    const fields = parent as Record<string | number, unknown>
    if (!sameValue(fields[last], after)) return undefined
    if (before === undefined) delete fields[last]
    else fields[last] = structuredClone(before)
  }
  return { value: result }
}

export function sameValue(a: unknown, b: unknown): boolean {
  return differences(a, b).length === 0
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
