/** Problems of manifests as a person reads them: file:line:column, the resource, the field; below it what was found and what is allowed. */
import { resourceLabel } from '../../resources/index.ts'
import { type FieldProblem, formatPath, formatProblem, type Problem } from '../../resources/problems.ts'
import type { Palette } from '../terminal.ts'
import type { ManifestDocument, SyntaxProblem } from './documents.ts'

/** One mistake at its place. */
export interface LocatedProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** "Route/assistant"; absent where the document does not say. */
  readonly label?: string
  /** "spec.targets[1].weight"; empty for the document itself. */
  readonly field: string
  readonly text: string
}

export function locateProblem(documents: readonly ManifestDocument[], problem: Problem): LocatedProblem {
  const document = documents[problem.document]!
  const { line, column } = document.positionOf(problem.path, pointsAtName(problem) ? 'name' : 'value')
  const label = labelOf(document.value)
  return { file: document.file, line, column, ...(label ? { label } : {}), field: formatPath(problem.path), text: formatProblem(problem) }
}

export function locateSyntaxProblem({ file, position, message }: SyntaxProblem): LocatedProblem {
  return { file, ...position, field: '', text: message }
}

/** An unknown or misplaced field is wrong by its name; everything else by its value. */
function pointsAtName(problem: FieldProblem): boolean {
  return /^(unknown field|field ")/.test(problem.message)
}

function labelOf(value: unknown): string | undefined {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } }
  if (typeof kind !== 'string' || typeof metadata?.name !== 'string') return typeof kind === 'string' ? kind : undefined
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : undefined
  return resourceLabel({ kind, metadata: { name: metadata.name, namespace } })
}

/** All problems in the order of the files, with a last line that counts them. */
export function formatProblems(problems: readonly LocatedProblem[], colour: Palette, fileOrder: readonly string[]): string {
  const order = new Map(fileOrder.map((file, i) => [file, i]))
  const sorted = [...problems].sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line || a.column - b.column)
  const place = (p: LocatedProblem) => `${p.file}:${p.line}:${p.column}`
  const width = Math.max(...sorted.map((p) => place(p).length)) + 2
  const lines = sorted.flatMap((p) => {
    const what = [p.label, p.field].filter(Boolean).join('  ')
    const head = `${colour.bold(place(p))}${' '.repeat(width - place(p).length)}`
    return what ? [`${head}${what}`, `${' '.repeat(width)}${colour.red(p.text)}`] : [`${head}${colour.red(p.text)}`]
  })
  const files = new Set(sorted.map((p) => p.file)).size
  lines.push(`${count(sorted.length, 'error')} in ${count(files, 'file')}; nothing was applied.`)
  return lines.join('\n')
}

const count = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`
