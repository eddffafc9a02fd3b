/**
 * YAML text → documents that remember where everything stands. All mistakes of all documents are found, each with line and column; nothing
 * here knows what a resource is, but that a list of them stands for each of them.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
} from 'yaml'
import { decodeUtf8 } from '../../kernel/utf8.ts'
import { listedManifests } from '../../resources/manifest-list.ts'
import type { FieldPath } from '../../resources/problems.ts'
import type { Source } from './sources.ts'

/** From 1; columns count UTF-16 units, as editors do. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface ManifestDocument {
  readonly file: string
  /** Plain values. */
  readonly value: unknown
  /** Where the field at `path` stands; where it is missing, where it should stand. `at`: its name or its value. */
  positionOf(path: FieldPath, at: 'name' | 'value'): Position
}

export interface SyntaxProblem {
  readonly file: string
  readonly position: Position
  readonly message: string
}

/** More aliases than any manifest needs; beyond it a few lines would grow to gigabytes. */
const MAX_ALIASES = 100
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Keys are texts: a mapping as a key would be written out as one, which grows with each level. Tags that make sets, dates or bytes of a value
 * are no part of a manifest, and JSON has no word for them.
 */
const OPTIONS = { prettyErrors: false, uniqueKeys: true, merge: true, stringKeys: true, resolveKnownTags: false } as const

export interface ReadDocuments {
  readonly documents: readonly ManifestDocument[]
  readonly problems: readonly SyntaxProblem[]
}

export function readSource({ file, bytes }: Source): ReadDocuments {
  const decoded = decodeUtf8(bytes)
  if ('text' in decoded) return readDocuments(file, decoded.text)
  const { message, ...position } = decoded.fault
  return { documents: [], problems: [{ file, position, message }] }
}

export function readDocuments(file: string, text: string): ReadDocuments {
  const counter = new LineCounter()
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(Math.max(0, Math.min(offset, text.length)))
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const problem = (offset: number, message: string): SyntaxProblem => ({ file, position: at(offset), message })
  if (text.length > MAX_BYTES)
    return { documents: [], problems: [{ file, position: { line: 1, column: 1 }, message: 'the file is larger than 16 MB' }] }

  let parsed: Document.Parsed[]
  try {
    parsed = [...parseAllDocuments(text, { ...OPTIONS, lineCounter: counter })]
  } catch (error) {
    // The parser is recursive: brackets nested a hundred thousand times exhaust its stack.
    return { documents: [], problems: [problem(0, readable(error))] }
  }

  const documents: ManifestDocument[] = []
  const problems: SyntaxProblem[] = []
  for (const document of parsed) {
    const faults = [...document.errors, ...document.warnings]
    if (faults.length > 0) {
      // One mistake often trips the parser several times: the first on each line is the one to mend.
      const told = new Set<number>()
      const end = text.trimEnd().length
      for (const fault of faults) {
        if (told.size > 0 && fault.pos[0] >= end) continue // what an earlier mistake left open
        const found = problem(faultOffset(fault, text), inWords(fault, text))
        if (!told.has(found.position.line)) problems.push(found)
        told.add(found.position.line)
      }
      continue
    }
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) continue // only comments
    try {
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
      const loop = aliasIntoItself(document)
      if (loop) {
        problems.push(problem(loop.range?.[0] ?? 0, 'the alias stands inside of what it stands for'))
        continue
      }
      const add = (one: unknown, prefix: FieldPath) =>
        documents.push({ file, value: one, positionOf: (path, which) => at(offsetOf(document, [...prefix, ...path], which)) })
      const listed = listedManifests(value)
      if (listed) for (const [i, one] of listed.entries()) add(one, ['items', i])
      else add(value, [])
    } catch (error) {
      const alias = error instanceof RangeError ? undefined : firstAlias(document)
      problems.push(
        problem(
          alias?.range?.[0] ?? document.range[0],
          /alias count/i.test(String(error)) ? `aliases make it grow beyond all bounds (more than ${MAX_ALIASES} uses)` : readable(error),
        ),
      )
    }
  }
  return { documents, problems }
}

interface Fault {
  readonly code: string
  readonly message: string
  readonly pos: readonly [number, number]
}

function faultOffset({ code, message, pos }: Fault, text: string): number {
  const quote = unclosedQuote({ code, message, pos })
  // The parser points where the text ends; a person looks for where the quote begins.
  if (quote) return Math.max(0, text.lastIndexOf(quote, pos[0] - 1))
  if (code === 'BAD_INDENT') return pos[0] + (/^[ \t]*/.exec(text.slice(pos[0]))?.[0].length ?? 0)
  return pos[0]
}

function unclosedQuote({ code, message }: Fault): string | undefined {
  return code === 'MISSING_CHAR' ? /closing (['"])quote/.exec(message)?.[1] : undefined
}

function inWords(fault: Fault, text: string): string {
  const { code, message, pos } = fault
  switch (code) {
    case 'DUPLICATE_KEY': {
      const key = /^(?:"[^"\n]*"|'[^'\n]*'|[^\s:,}\]]+)/.exec(text.slice(pos[0]))?.[0] ?? ''
      return `duplicate key ${JSON.stringify(key.replace(/^["']|["']$/g, ''))}`
    }
    case 'TAB_AS_INDENT':
      return 'a tab stands where only spaces may indent'
    case 'NON_STRING_KEY':
      return 'a name must be a text, not a list or a mapping'
    case 'TAG_RESOLVE_FAILED':
      return `${plain(message)}; manifests have no tags`
    default: {
      if (/call stack/.test(message)) return TOO_DEEP
      const quote = unclosedQuote(fault)
      return quote ? `the quote ${quote} is never closed` : plain(message)
    }
  }
}

const TOO_DEEP = 'it is nested too deeply'
const readable = (error: unknown) => (error instanceof RangeError ? TOO_DEEP : plain(String(error)))

const plain = (message: string) => {
  const text = message.replace(/^\w*Error: /, '').replace(/\.$/, '')
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** An alias within the node that it names: as a value it would have no end. */
function aliasIntoItself(document: Document): Node | undefined {
  let found: Node | undefined
  visit(document, {
    Alias(_, node, path) {
      const target = node.resolve(document)
      if (target === undefined || !path.includes(target)) return undefined
      found = node
      return visit.BREAK
    },
  })
  return found
}

function firstAlias(document: Document): Node | undefined {
  let found: Node | undefined
  visit(document, {
    Alias(_, node) {
      found = node
      return visit.BREAK
    },
  })
  return found
}

/** Follows `path` through the nodes as far as it goes. */
function offsetOf(document: Document.Parsed, path: FieldPath, which: 'name' | 'value'): number {
  let node: unknown = document.contents
  let pair: Pair | undefined
  let reached = true
  let item: Node | undefined
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const next: Pair | undefined = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step))
      if (!next) {
        reached = false
        break
      }
      pair = next
      item = undefined
      node = next.value
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step]
      pair = isPair(node) ? node : undefined
      item = isNode(node) ? node : undefined
    } else {
      reached = false
      break
    }
  }
  const start = (one: unknown) => (isNode(one) ? one.range?.[0] : undefined)
  const name = start(pair?.key)
  const value = start(node)
  // A whole list or mapping is best pointed at by its name; a single value by itself, unless it is empty.
  const isSingle = (isScalar(node) && node.value !== null) || isAlias(node)
  const whole = item ? start(item) : (name ?? value)
  const offset = reached ? (which === 'value' && isSingle ? value : whole) : whole
  return offset ?? start(document.contents) ?? document.range[0]
}
