/** What a change does to a resource, as lines: the field, what goes (−), what comes (+). Short lists and mappings stand on one line. For the command line and the console alike. */
import { stringify } from 'yaml'
import { formatPath } from './field-problem.ts'

export interface DifferenceLine {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A label may be called "constructor": what objects inherit is not a field. */
const field = (fields: Fields, key: string) => (Object.hasOwn(fields, key) ? fields[key] : undefined)

/** Lines for what differs between two values of one resource; none when nothing does. */
export function differenceLines(before: unknown, after: unknown, path: readonly (string | number)[] = []): DifferenceLine[] {
  if (same(before, after)) return []
  if (isFields(before) && isFields(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => differenceLines(field(before, key), field(after, key), [...path, key]))
  }
  const title: DifferenceLine = { sign: ' ', text: formatPath(path) }
  if (Array.isArray(before) && Array.isArray(after)) return [title, ...listLines(before, after)]
  return [
    title,
    ...(before === undefined ? [] : valueLines(before).map((text): DifferenceLine => ({ sign: '-', text }))),
    ...(after === undefined ? [] : valueLines(after).map((text): DifferenceLine => ({ sign: '+', text }))),
  ]
}

/** Entries by longest common subsequence, so that one inserted entry is one line. */
function listLines(before: readonly unknown[], after: readonly unknown[]): DifferenceLine[] {
  const rows = before.length
  const columns = after.length
  const common = Array.from({ length: rows + 1 }, () => new Array<number>(columns + 1).fill(0))
  for (let i = rows - 1; i >= 0; i--)
    for (let j = columns - 1; j >= 0; j--)
      common[i]![j] = same(before[i], after[j]) ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!)
  const lines: DifferenceLine[] = []
  for (let i = 0, j = 0; i < rows || j < columns; ) {
    if (i < rows && j < columns && same(before[i], after[j])) {
      lines.push({ sign: ' ', text: `- ${inline(before[i])}` })
      i++
      j++
    } else if (i < rows && (j >= columns || common[i + 1]![j]! >= common[i]![j + 1]!))
      lines.push({ sign: '-', text: `- ${inline(before[i++])}` })
    else lines.push({ sign: '+', text: `- ${inline(after[j++])}` })
  }
  return lines
}

function valueLines(value: unknown): string[] {
  if (isFields(value)) return stringify(value, { lineWidth: 0 }).trimEnd().split('\n')
  if (Array.isArray(value) && value.length > 0) return value.map((entry) => `- ${inline(entry)}`)
  return inline(value).split('\n')
}

function inline(value: unknown): string {
  if (isFields(value))
    return Object.entries(value)
      .map(([key, one]) => `${key}: ${isFields(one) ? `{ ${inline(one)} }` : inline(one)}`)
      .join('   ')
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => same(one, b[i]))
  if (!isFields(a) || !isFields(b)) return false
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => same(field(a, key), field(b, key)))
}
