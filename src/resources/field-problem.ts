/** One thing that is wrong with one field, and how it is said. */

export type FieldPath = readonly (string | number)[]

export interface FieldProblem {
  /** Leads to the field from the document's root. A missing field's path ends with its name. */
  readonly path: FieldPath
  /** What was found: `unknown field "wieght"`, `"lots" is not a number`. */
  readonly message: string
  /** What is allowed: `an integer ≥ 1`. */
  readonly expected?: string
  /** The nearest allowed name. */
  readonly suggestion?: string
}

export interface Problem extends FieldProblem {
  /** Index of the document in what was given. */
  readonly document: number
}

/** One line: `unknown field "wieght"; did you mean "weight"?`, `"lots" is not a number (expected an integer ≥ 1)`. */
export function formatProblem(problem: FieldProblem): string {
  if (problem.suggestion !== undefined) return `${problem.message}; did you mean ${JSON.stringify(problem.suggestion)}?`
  return problem.expected === undefined ? problem.message : `${problem.message} (expected ${problem.expected})`
}

/** "spec.targets[1].weight" */
export function formatPath(path: FieldPath): string {
  return path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : step), '')
}

export type Fields = Record<string, unknown>
export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What stands there, short enough for a line. */
export function found(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping of fields'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…${typeof value === 'string' ? '"' : ''}` : text
}
