/**
 * zod's issues as problems of single fields. zod stops at "invalid union" and speaks of received and expected types; here the branch of a
 * union that fits best is the one reported, and an unknown field that is a misspelt required one is one problem, not two.
 */
import type { z } from 'zod'
import { type FieldPath, type FieldProblem, type Fields, formatPath, found, isFields } from './field-problem.ts'
import { alternativesOf, describeSchema, FAR, type JsonSchema, narrow, orList, quote, schemasAt } from './json-schema.ts'
import { nearest } from './nearest.ts'

type Issue = z.core.$ZodIssue

export function fieldProblems(issues: readonly Issue[], root: unknown, schema: JsonSchema): FieldProblem[] {
  const flat = withoutWider(issues.flatMap((issue) => resolveUnion(issue, root, schema)))
  const told = flat.flatMap((issue) => toProblems(issue, root, schema).map((problem) => ({ problem, isRule: issue.code === 'custom' })))
  const problems = told.map(({ problem }) => problem)
  // `wieght` given and `weight` missing are one mistake; so are a wrong weight and the rule that weights add up to 100.
  const meant = new Set(problems.filter((p) => p.suggestion !== undefined).map((p) => formatPath([...p.path.slice(0, -1), p.suggestion!])))
  const isWithin = (inner: FieldPath, outer: FieldPath) => outer.every((step, i) => step === inner[i])
  // A rule says nothing where a field within is wrong, or the value itself. Two rules of one value are both told.
  const hides = (other: (typeof told)[number], p: FieldProblem) =>
    other.problem !== p && isWithin(other.problem.path, p.path) && !(other.isRule && other.problem.path.length === p.path.length)
  return told
    .filter(({ problem: p }) => !(p.message.startsWith('missing field') && meant.has(formatPath(p.path))))
    .filter(({ problem: p, isRule }) => !(isRule && told.some((other) => hides(other, p))))
    .map(({ problem }) => problem)
}

/** What is no safe integer is beyond our own bound too: the nearer one is told, which zod looks at last. */
function withoutWider(issues: readonly Issue[]): Issue[] {
  const isSame = (one: Issue, other: Issue) => one.code === other.code && one.path.join('.') === other.path.join('.')
  return issues.filter(
    (issue, i) => !((issue.code === 'too_big' || issue.code === 'too_small') && issues.slice(i + 1).some((later) => isSame(issue, later))),
  )
}

/** Issues of the union's branch that fits best, with whole paths; the issue itself when no branch is better than another. */
function resolveUnion(issue: Issue, root: unknown, schema: JsonSchema): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
  const branches = issue.errors.map((branch) =>
    branch.flatMap((inner) => resolveUnion({ ...inner, path: [...issue.path, ...inner.path] } as Issue, root, schema)),
  )
  const scores = branches.map((branch) => branch.reduce((sum, inner) => sum + misfit(inner, issue.path, root, schema), 0))
  const best = Math.min(...scores)
  const fitting = branches.filter((_, i) => scores[i] === best)
  return fitting.length === 1 && best < NO_BRANCH ? fitting[0]! : [issue]
}

const NO_BRANCH = 1_000

/** How much an issue says that this branch was not meant. */
function misfit(issue: Issue, unionPath: readonly PropertyKey[], root: unknown, schema: JsonSchema): number {
  if (issue.path.length === unionPath.length && issue.code === 'invalid_type') return NO_BRANCH
  if (issue.code === 'unrecognized_keys') {
    const allowed = allowedKeys(schema, issue.path)
    return issue.keys.reduce((sum, key) => sum + (allowed.has(key) ? 12 : nearest(key, allowed) === undefined ? 10 : 8), 0)
  }
  if (issue.code === 'invalid_type' && valueAt(root, issue.path) === undefined) {
    // A required field that is missing, unless a near name is there in its stead.
    const parent = valueAt(root, issue.path.slice(0, -1))
    const name = String(issue.path.at(-1))
    return isFields(parent) && Object.keys(parent).some((key) => nearest(key, [name]) !== undefined) ? 1 : 10
  }
  return 1
}

function allowedKeys(schema: JsonSchema, path: readonly PropertyKey[]): Set<string> {
  return new Set(schemasAt(schema, path).flatMap(alternativesOf).flatMap(fieldNames))
}

function toProblems(issue: Issue, root: unknown, schema: JsonSchema): FieldProblem[] {
  const path = issue.path as (string | number)[]
  const value = valueAt(root, path)
  const expected = expectedAt(schema, path, root)
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = allowedHere(schema, path, root)
      return issue.keys.map((key) => {
        const suggestion = nearest(key, allowed)
        const excluded = schemasAt(schema, path, root).flatMap(alternativesOf).flatMap(fieldNames).includes(key)
        return {
          path: [...path, key],
          message: excluded
            ? `field ${JSON.stringify(key)} does not go together with the others here`
            : `unknown field ${JSON.stringify(key)}`,
          expected: excluded
            ? (describedUnion(schema, path) ?? orList([...allowed]))
            : allowed.size > 0
              ? orList([...allowed])
              : 'no fields here',
          suggestion: excluded ? undefined : suggestion,
        }
      })
    }
    case 'invalid_type':
      if (value === undefined) return [{ path, message: `missing field ${JSON.stringify(String(path.at(-1)))}`, expected }]
      if (value === null) return [{ path, message: `${JSON.stringify(String(path.at(-1)))} is empty`, expected }]
      return [
        { path, message: `${found(value)} is not ${typeWord(issue.expected)}`, expected: stringHint(issue.expected, value) ?? expected },
      ]
    case 'invalid_value': {
      if (value === undefined)
        return [{ path, message: `missing field ${JSON.stringify(String(path.at(-1)))}`, expected: orList(issue.values.map(quote)) }]
      const names = issue.values.filter((each): each is string => typeof each === 'string')
      return [
        {
          path,
          message: `${found(value)} is not one of the allowed values`,
          expected: orList(issue.values.map(quote)),
          suggestion: typeof value === 'string' ? nearest(value, names) : undefined,
        },
      ]
    }
    case 'invalid_union': {
      const names = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : undefined
      if (names) {
        if (value === undefined)
          return [{ path, message: `missing field ${JSON.stringify(String(path.at(-1)))}`, expected: orList(names.map(quote)) }]
        const suggestion = typeof value === 'string' ? nearest(value, names) : undefined
        return [{ path, message: `${found(value)} is not one of the allowed values`, expected: orList(names.map(quote)), suggestion }]
      }
      if (value === undefined)
        return [
          { path, message: `missing field ${JSON.stringify(String(path.at(-1)))}`, expected: describedUnion(schema, path) ?? expected },
        ]
      if (isFields(value)) return unionOfFields(value, path, schema)
      // Perhaps a secret written out: not to be repeated on a terminal or in a log.
      const what = path.includes('credentials') ? 'a plain value' : found(value)
      return [{ path, message: `${what} does not fit here`, expected: describedUnion(schema, path) ?? expected }]
    }
    case 'too_big':
    case 'too_small': {
      const bound = Number(issue.code === 'too_big' ? issue.maximum : issue.minimum)
      if (typeof value === 'number') {
        // A bound that is so far away is not told where nobody has come to it.
        const told = Math.abs(bound) <= FAR ? expected : `${issue.code === 'too_big' ? 'at most' : 'at least'} ${bound}`
        return [{ path, message: `${value} is too ${issue.code === 'too_big' ? 'big' : 'small'}`, expected: told }]
      }
      const sizeWord = Array.isArray(value) ? (bound === 1 ? 'entry' : 'entries') : bound === 1 ? 'character' : 'characters'
      const side = issue.code === 'too_big' ? 'at most' : 'at least'
      const what = Array.isArray(value)
        ? `the list has ${value.length}`
        : found(value) === '""'
          ? 'the text is empty'
          : `the text has ${String(value).length} characters`
      return [{ path, message: what, expected: `${side} ${bound} ${sizeWord}` }]
    }
    case 'invalid_key':
    case 'invalid_element':
      return [{ path, message: `the name ${JSON.stringify(String(path.at(-1)))} does not fit`, expected: issue.issues[0]?.message }]
    default:
      return [
        {
          path,
          message: doesNotFit(value, issue.message),
          expected: issue.code === 'custom' || 'pattern' in issue || 'format' in issue ? spoken(issue.message, expected) : expected,
        },
      ]
  }
}

/** zod's own texts begin with these words; ours do not. */
function spoken(message: string, expected: string | undefined): string | undefined {
  return /^(Invalid|Too) /.test(message) ? expected : message
}

function doesNotFit(value: unknown, rule: string): string {
  const isSum = rule.includes('add up')
  const weights = Array.isArray(value) ? value.map((each) => (isFields(each) ? (each.weight ?? 100) : undefined)) : []
  if (isSum && weights.length > 0 && weights.every((weight) => typeof weight === 'number'))
    return `the weights add up to ${weights.reduce((a, b) => a + b, 0)}`
  if (isFields(value))
    return Object.keys(value).length === 0
      ? 'no field is set'
      : `${Object.keys(value).join(', ')} ${Object.keys(value).length === 1 ? 'is' : 'are'} set`
  return Array.isArray(value) ? 'the list does not fit' : `${found(value)} does not fit`
}

/** No branch of a union of objects fits better than another: which fields are there, and what would fit. */
function unionOfFields(value: Fields, path: (string | number)[], schema: JsonSchema): FieldProblem[] {
  const expected = describedUnion(schema, path)
  const allowed = allowedKeys(schema, path)
  const unknown = Object.keys(value).filter((key) => !allowed.has(key))
  if (unknown.length > 0)
    return unknown.map((key) => ({
      path: [...path, key],
      message: `unknown field ${JSON.stringify(key)}`,
      expected,
      suggestion: nearest(key, allowed),
    }))
  const keys = Object.keys(value)
  if (keys.length === 0) return [{ path, message: 'no field is set', expected }]
  return [{ path, message: `${orList(keys.map((key) => JSON.stringify(key))).replace(' or ', ' and ')} do not go together`, expected }]
}

function describedUnion(schema: JsonSchema, path: FieldPath): string | undefined {
  const union = schemasAt(schema, path).find((each) => each.anyOf ?? each.oneOf)
  if (!union) return undefined
  const branches = (union.anyOf ?? union.oneOf)!
  if (!branches.every((branch) => branch.properties)) return describeSchema(union)
  return orList(branches.map((branch) => `{ ${Object.keys(branch.properties!).join(', ')} }`))
}

function expectedAt(schema: JsonSchema, path: FieldPath, root: unknown): string | undefined {
  const words = [...new Set(schemasAt(schema, path, root).map(describeSchema))]
  return words.length > 0 ? orList(words) : undefined
}

/** Field names allowed at `path`; of a union those of the branch that the value names, or whose required fields it has. */
function allowedHere(schema: JsonSchema, path: FieldPath, root: unknown): Set<string> {
  const value = valueAt(root, path)
  const branches = narrow(schemasAt(schema, path, root).flatMap(alternativesOf), value)
  const fitting = branches.filter((branch) => isFields(value) && (branch.required ?? []).every((key) => key in value))
  return new Set((branches.length > 1 && fitting.length > 0 ? fitting : branches).flatMap(fieldNames))
}

/** What a person may write there: not the fields that the system sets. */
function fieldNames(schema: JsonSchema): string[] {
  return Object.entries(schema.properties ?? {})
    .filter(([name, field]) => name !== 'status' && !field.description?.startsWith('Set by the system'))
    .map(([name]) => name)
}

function typeWord(expected: string): string {
  const words: Record<string, string> = {
    int: 'an integer',
    number: 'a number',
    string: 'a string',
    boolean: 'true or false',
    array: 'a list',
    object: 'a mapping of fields',
    record: 'a mapping of fields',
  }
  return words[expected] ?? expected
}

/** `version: 1` was meant as text: say how to write it. */
function stringHint(expected: string, value: unknown): string | undefined {
  return expected === 'string' && (typeof value === 'number' || typeof value === 'boolean') ? `a string: "${value}"` : undefined
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let here = root
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<PropertyKey, unknown>)[step]
  }
  return here
}
