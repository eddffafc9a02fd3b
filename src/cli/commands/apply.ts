/** `strata apply`: manifests from files, folders or standard input, all or nothing. With --dry-run what would change. */
import { StrataError } from '../../kernel/errors.ts'
import { differenceLines } from '../../resources/difference-lines.ts'
import type { Resource } from '../../resources/index.ts'
import { type Problem, validateResource } from '../../resources/problems.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { type ManifestDocument, readSource, type SyntaxProblem } from '../manifest/documents.ts'
import { formatProblems, locateProblem, locateSyntaxProblem } from '../manifest/report.ts'
import { readSources } from '../manifest/sources.ts'
import { type Palette, palette } from '../terminal.ts'

export interface ApplyFlags {
  readonly filename: readonly string[]
  readonly recursive?: boolean
  readonly dryRun?: boolean
  readonly output?: string
}

export interface Change {
  readonly label: string
  readonly action: 'create' | 'change' | 'unchanged'
  readonly before?: unknown
  readonly after?: unknown
}

export async function apply(flags: ApplyFlags): Promise<void> {
  const sources = await readSources(flags.filename, flags.recursive ?? false)
  const read = sources.map(readSource)
  const documents = read.flatMap((one) => one.documents)
  const syntax = read.flatMap((one) => one.problems)
  const files = sources.map(({ file }) => file)
  if (documents.length === 0 && syntax.length === 0)
    throw new StrataError('usage', `${files.join(', ')} ${files.length === 1 ? 'holds' : 'hold'} no document: nothing was applied.`)

  // What does not parse cannot be sent; the rest is still checked, so that one run shows every mistake.
  if (syntax.length > 0) refuse(documents, syntax, checkHere(documents), files)

  const client = connectOrCheck(documents, files)
  let changes: readonly Change[]
  try {
    const answer = await client.call<{ changes: readonly Change[] }>('POST', '/apply', {
      documents: documents.map(({ value }) => value),
      dryRun: flags.dryRun ?? false,
    })
    changes = answer.changes
  } catch (error) {
    if (!(error instanceof StrataError)) throw error
    if (error.code === 'not_running') refuseIfWrong(documents, files)
    if (error.code === 'invalid_manifest' && Array.isArray(error.details)) refuse(documents, [], error.details as Problem[], files)
    throw error
  }
  if (flags.output === 'json') console.log(JSON.stringify({ dryRun: flags.dryRun ?? false, changes }, undefined, 2))
  else console.log(formatChanges(changes, flags.dryRun ?? false, palette()))
}

/** Without a running system the manifests can still be told wrong. */
function connectOrCheck(documents: readonly ManifestDocument[], files: readonly string[]): ControlClient {
  try {
    return connectControl()
  } catch (error) {
    refuseIfWrong(documents, files)
    throw error
  }
}

function refuseIfWrong(documents: readonly ManifestDocument[], files: readonly string[]): void {
  const problems = checkHere(documents)
  if (problems.length > 0) refuse(documents, [], problems, files)
}

function checkHere(documents: readonly ManifestDocument[]): Problem[] {
  return documents.flatMap(({ value }, document) => {
    const checked = validateResource(value)
    return 'problems' in checked ? checked.problems.map((problem) => ({ document, ...problem })) : []
  })
}

function refuse(
  documents: readonly ManifestDocument[],
  syntax: readonly SyntaxProblem[],
  problems: readonly Problem[],
  files: readonly string[],
): never {
  const located = [...syntax.map(locateSyntaxProblem), ...problems.map((problem) => locateProblem(documents, problem))]
  process.stderr.write(`${formatProblems(located, palette(process.stderr), files)}\n`)
  throw new Exit(EXIT.refused)
}

/** What a person writes; the counters that the system keeps beside it change by themselves. */
function written(resource: unknown): unknown {
  const { metadata, spec } = (resource ?? {}) as Partial<Resource>
  return { metadata: { labels: metadata?.labels, annotations: metadata?.annotations }, spec }
}

export function formatChanges(changes: readonly Change[], dryRun: boolean, colour: Palette): string {
  const lines: string[] = []
  for (const change of changes) {
    if (change.action === 'unchanged') continue
    lines.push(change.action === 'create' ? colour.green(`+ ${change.label}`) : colour.yellow(`~ ${change.label}`))
    if (!dryRun || change.action === 'create') continue
    for (const { sign, text } of differenceLines(written(change.before), written(change.after))) {
      if (sign === ' ' && !text.startsWith('- ')) lines.push(`    ${colour.dim(text)}`)
      else lines.push(sign === '-' ? colour.red(`-     ${text}`) : sign === '+' ? colour.green(`+     ${text}`) : `      ${text}`)
    }
  }
  const of = (action: Change['action']) => changes.filter((change) => change.action === action).length
  const counts = [
    of('change') > 0 ? `${of('change')} ${dryRun ? 'to change' : 'changed'}` : '',
    of('create') > 0 ? `${of('create')} ${dryRun ? 'to create' : 'created'}` : '',
    of('unchanged') > 0 ? `${of('unchanged')} unchanged` : '',
  ].filter(Boolean)
  lines.push(`${counts.join(', ') || 'Nothing'}.`)
  return lines.join('\n')
}
