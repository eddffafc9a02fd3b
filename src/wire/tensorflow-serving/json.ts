/**
 * JSON that may hold bare `NaN`, `Infinity` and `-Infinity`. TensorFlow Serving's REST interface reads and writes them ("JSON conformance" in
 * tensorflow/serving's api_rest.md), and so does Triton. Everything else is JSON as JSON.parse has it, whose limits remain: a whole number beyond
 * 2^53 loses digits.
 */
import { randomUUID } from 'node:crypto'
import { StrataError } from '../../kernel/errors.ts'
import { isDeeperThan } from '../../kernel/json-depth.ts'

/** Nesting that no honest tensor has. */
const DEEPEST = 128

/** Stands for a value that JSON has no word for. Known to nobody outside of this process, so that no text can hold it. */
const MARK = randomUUID()
const MARKED = new RegExp(`"${MARK}(-?\\w+)"`, 'g')

/** Parses `text`; throws what a person understands where it is not such JSON, or is nested more than 128 levels deep. */
export function parseTensorJson(text: string): unknown {
  let value: unknown
  let marked = false
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw new StrataError('invalid_json', `It is not JSON: ${(error as Error).message}.`, { cause: error })
    marked = true
    value = parseMarked(text)
  }
  if (isDeeperThan(DEEPEST, value)) throw new StrataError('invalid_json', `It is nested more than ${DEEPEST} levels deep.`)
  return marked ? unmark(value) : value
}

/** A number that JSON.stringify would turn into null stands bare; a bigint is written with all its digits. */
export function writeTensorJson(value: unknown): string {
  if (isDeeperThan(DEEPEST, value)) throw new StrataError('invalid_json', `It is nested more than ${DEEPEST} levels deep.`)
  if (!needsMarks(value)) return JSON.stringify(value)
  const text = JSON.stringify(value, (_, inner: unknown) => (isWordless(inner) ? `${MARK}${inner}` : inner))
  return text.replace(MARKED, '$1')
}

/**
 * The words are replaced outside of strings by what JSON knows and what can stand where a number can, and nowhere else: an infinity by a number
 * too large for a double, with blanks that keep it apart from its neighbours; NaN by a list, which cannot be a key as a string could.
 */
function parseMarked(text: string): unknown {
  const pieces: string[] = []
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at)
    const end = quote === -1 ? text.length : quote
    pieces.push(
      text
        .slice(at, end)
        .replace(/-?Infinity/g, (word) => (word[0] === '-' ? ' -1e999 ' : ' 1e999 '))
        .replaceAll('NaN', `["${MARK}"]`),
    )
    at = endOfString(text, end)
    pieces.push(text.slice(end, at))
  }
  try {
    return JSON.parse(pieces.join(''))
  } catch (cause) {
    throw new StrataError('invalid_json', 'It is not JSON, even with bare NaN and Infinity allowed.', { cause })
  }
}

/** Index after the string that begins with the quote at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0
    while (text[quote - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return quote + 1
  }
  return text.length
}

/** Puts NaN where its mark stands, in place. */
function unmark(value: unknown): unknown {
  const root = [value]
  const stack: Record<string, unknown>[] = [root as never]
  for (let at = stack.pop(); at; at = stack.pop()) {
    for (const key of Object.keys(at)) {
      const inner = at[key]
      if (typeof inner !== 'object' || inner === null) continue
      if (Array.isArray(inner) && inner.length === 1 && inner[0] === MARK) at[key] = Number.NaN
      else stack.push(inner as Record<string, unknown>)
    }
  }
  return root[0]
}

function isWordless(value: unknown): value is number | bigint {
  return typeof value === 'number' ? !Number.isFinite(value) : typeof value === 'bigint'
}

function needsMarks(value: unknown): boolean {
  const stack: unknown[] = [[value]]
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (const inner of Array.isArray(at) ? at : Object.values(at as object)) {
      if (isWordless(inner)) return true
      if (typeof inner === 'object' && inner !== null) stack.push(inner)
    }
  }
  return false
}
