/**
 * JSON that is nested a hundred thousand levels deep parses well, and then overflows the stack of whatever walks it: a schema, a comparison,
 * JSON.stringify, a template string. So it is asked for its depth where it comes in. The walk has a stack of its own.
 */
export function isDeeperThan(levels: number, value: unknown): boolean {
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 1 }]
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (typeof at.value !== 'object' || at.value === null) continue
    if (at.depth > levels) return true
    for (const inner of Object.values(at.value)) {
      if (typeof inner === 'object' && inner !== null) stack.push({ value: inner, depth: at.depth + 1 })
    }
  }
  return false
}
