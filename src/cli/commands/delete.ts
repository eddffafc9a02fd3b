/** `strata delete`: resources by name, or all that manifests name. What others refer to is refused by control, with the list. */
import { StrataError } from '../../kernel/errors.ts'
import { findKind, KIND_NAMES, type Kind } from '../../resources/index.ts'
import { connectControl } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { readSource } from '../manifest/documents.ts'
import { formatProblems, locateSyntaxProblem } from '../manifest/report.ts'
import { readSources } from '../manifest/sources.ts'
import { deleteResource, parseTargets } from '../resource-access.ts'
import { palette } from '../terminal.ts'

export interface DeleteFlags {
  readonly namespace: string
  readonly filename?: readonly string[]
  readonly recursive?: boolean
  readonly ignoreNotFound?: boolean
}

interface Target {
  readonly kind: Kind
  readonly name: string
  readonly namespace: string
}

export async function remove(kind: string | undefined, names: readonly string[], flags: DeleteFlags): Promise<void> {
  const targets = flags.filename ? await namedBy(flags.filename, flags.recursive ?? false) : named(kind, names, flags.namespace)
  const client = connectControl()
  for (const target of targets) {
    try {
      await deleteResource(client, target.kind, target.namespace, target.name)
      console.log(`− ${target.kind}/${target.name} deleted`)
    } catch (error) {
      if (flags.ignoreNotFound && error instanceof StrataError && error.code === 'not_found') continue
      throw error
    }
  }
}

function named(kind: string | undefined, names: readonly string[], namespace: string): Target[] {
  const targets = kind ? parseTargets(kind, names) : []
  if (targets.length === 0)
    throw new StrataError('usage', 'What shall be deleted?', { advice: 'strata delete route NAME, or strata delete -f FILE.' })
  return targets.map((target) => ({ ...target, namespace }))
}

/** In the reverse of the order in which they can be created: what refers goes before what it refers to. */
async function namedBy(files: readonly string[], recursive: boolean): Promise<Target[]> {
  const sources = await readSources(files, recursive)
  const read = sources.map(readSource)
  const problems = read.flatMap((one) => one.problems)
  if (problems.length > 0) {
    const text = formatProblems(
      problems.map(locateSyntaxProblem),
      palette(process.stderr),
      sources.map(({ file }) => file),
    )
    process.stderr.write(`${text.replace('nothing was applied', 'nothing was deleted')}\n`)
    throw new Exit(EXIT.refused)
  }
  const targets = read
    .flatMap((one) => one.documents)
    .map(({ file, value, positionOf }): Target => {
      const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } }
      const known = typeof kind === 'string' ? findKind(kind) : undefined
      if (!known || typeof metadata?.name !== 'string') {
        const { line, column } = positionOf([], 'value')
        throw new StrataError('invalid_manifest', `${file}:${line}:${column} names no resource: kind and metadata.name are needed.`)
      }
      return { kind: known, name: metadata.name, namespace: typeof metadata.namespace === 'string' ? metadata.namespace : 'default' }
    })
  return targets.sort((a, b) => KIND_NAMES.indexOf(b.kind) - KIND_NAMES.indexOf(a.kind))
}
