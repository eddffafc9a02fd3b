/**
 * Reading a request body so that nothing in it is ignored in silence: a parameter is understood, or harmless (it cannot change an
 * answer), or refused by name. `null` means absent, as OpenAI has it. The schemas are strict; this file turns what zod found into
 * OpenAI's error, whose `param` is the path of the offending field ("messages[0].content").
 */
import type { z } from 'zod'
import { isDeeperThan } from '../../kernel/json-depth.ts'
import { invalidParameter, RequestRefused, unsupportedParameter } from './refusal.ts'

export type Fields = Record<string, unknown>

/** Nesting that no honest request has. It is looked at before anything recursive is. */
const DEEPEST = 128

export function parseJsonBody(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RequestRefused(400, 'invalid_request_error', `The body is not JSON: ${(error as Error).message}`, { code: 'invalid_json' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RequestRefused(400, 'invalid_request_error', 'The body must be a JSON object.', { code: 'invalid_json' })
  const deep = Object.entries(value).find(([, field]) => isDeeperThan(DEEPEST, field))?.[0]
  if (deep !== undefined) throw invalidParameter(deep, `'${deep}' is nested more than ${DEEPEST} levels deep.`)
  return value as Fields
}

/**
 * `body` by `schema`. `unsupported` says of known OpenAI parameters why they are refused, or which single value of them means nothing
 * and passes.
 */
export function readRequest<S extends z.ZodObject>(
  body: Fields,
  schema: S,
  unsupported: Record<string, { advice: string; harmless?: readonly unknown[] }>,
): z.infer<S> {
  const present: Fields = {}
  for (const [name, value] of Object.entries(body)) {
    if (value === null) continue
    const refusal = Object.hasOwn(unsupported, name) ? unsupported[name] : undefined
    if (refusal) {
      if (refusal.harmless?.some((harmless) => JSON.stringify(harmless) === JSON.stringify(value))) continue
      throw unsupportedParameter(name, `Unsupported parameter: '${name}'. ${refusal.advice}`)
    }
    if (!Object.hasOwn(schema.shape, name))
      throw new RequestRefused(400, 'invalid_request_error', `Unknown parameter: '${name}'.`, { code: 'unknown_parameter', param: name })
    present[name] = value
  }
  const result = schema.safeParse(present)
  if (result.success) return result.data
  throw refusalOf(result.error.issues, present)
}

type Issue = z.core.$ZodIssue

/** The first thing wrong, in OpenAI's words. Of a union the branch that came furthest speaks. */
function refusalOf(issues: readonly Issue[], body: unknown): RequestRefused {
  const issue = deepest(issues[0]!)
  if (issue.code === 'unrecognized_keys') {
    const param = pathText([...issue.path, issue.keys[0]!])
    return new RequestRefused(400, 'invalid_request_error', `Unknown parameter: '${param}'.`, { code: 'unknown_parameter', param })
  }
  const param = pathText(issue.path)
  const found = issue.path.reduce<unknown>((value, key) => (value as Fields | undefined)?.[key as string], body)
  if (found === undefined) return invalidParameter(param, `Missing required parameter: '${param}'.`, 'missing_required_parameter')
  return invalidParameter(
    param,
    `Invalid value for '${param}': ${issue.message}.`,
    issue.code === 'invalid_type' ? 'invalid_type' : 'invalid_value',
  )
}

/** Of a union: the branch whose types were right and a value was not, else the one that came furthest. */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue
  const branches = issue.errors
    .flatMap(([first]) => (first ? [deepest({ ...first, path: [...issue.path, ...first.path] } as Issue)] : []))
    .sort((a, b) => Number(a.code === 'invalid_type') - Number(b.code === 'invalid_type') || b.path.length - a.path.length)
  const [best] = branches
  return best && (best.path.length > issue.path.length || best.code !== 'invalid_type') ? best : issue
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  )
}
