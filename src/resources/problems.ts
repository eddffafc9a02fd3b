/**
 * What is wrong with a manifest, said so that it can be mended: where, what was found, what is allowed, and the nearest name for a typo.
 *
 * zod stops at "invalid union" and speaks of received and expected types. Here its issues become problems of single fields: of a union the
 * branch that fits best is the one reported, and an unknown field that is a misspelt required one is one problem, not two.
 */
import type { z } from 'zod'
import { KIND_NAMES, type Kind, RESOURCE_SCHEMAS, type Resource } from './index.ts'
import { alternativesOf, describeSchema, type JsonSchema, jsonSchemaOf, narrow, orList, quote, schemasAt } from './json-schema.ts'
import { nearest } from './nearest.ts'
import { API_VERSION } from './scalars.ts'

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

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Checks one document by itself: its shape, not what it refers to. */
export function validateResource(input: unknown): { resource: Resource } | { problems: FieldProblem[] } {
  if (!isFields(input))
    return { problems: [{ path: [], message: `${found(input)} is not a manifest`, expected: 'apiVersion, kind, metadata and spec' }] }
  const head = headProblems(input)
  const kind = input.kind as Kind
  if (!KIND_NAMES.includes(kind)) return { problems: head }
  // A head that is wrong is told in its own words; with it mended the rest is checked all the same.
  const result = RESOURCE_SCHEMAS[kind].safeParse({ ...input, apiVersion: API_VERSION, spec: input.spec ?? {} }, { reportInput: true })
  const problems = [...head]
  if (input.spec === undefined || input.spec === null) {
    if (!RESOURCE_SCHEMAS[kind].safeParse({ apiVersion: API_VERSION, kind, metadata: { name: 'x' }, spec: {} }).success)
      problems.push({
        path: ['spec'],
        message: input.spec === null ? '"spec" is empty' : 'missing field "spec"',
        expected: describeAt(kind, ['spec']),
      })
  }
  if (!result.success) {
    const told = new Set(problems.map(({ path }) => String(path[0])))
    for (const problem of fieldProblems(result.error.issues, input, jsonSchemaOf(kind)))
      if (!told.has(String(problem.path[0]))) problems.push(problem)
  }
  if (problems.length > 0 || !result.success) return { problems }
  return { resource: result.data as Resource }
}

function headProblems(input: Fields): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (input.apiVersion === undefined)
    problems.push({
      path: ['apiVersion'],
      message: 'missing field "apiVersion"',
      expected: quote(API_VERSION),
      ...misspelt(input, 'apiVersion'),
    })
  else if (input.apiVersion !== API_VERSION)
    problems.push({
      path: ['apiVersion'],
      message: `${found(input.apiVersion)} is not an apiVersion that this program knows`,
      expected: quote(API_VERSION),
    })
  if (input.kind === undefined)
    problems.push({ path: ['kind'], message: 'missing field "kind"', expected: orList(KIND_NAMES), ...misspelt(input, 'kind') })
  else if (!KIND_NAMES.includes(input.kind as Kind)) {
    const suggestion = typeof input.kind === 'string' ? nearest(input.kind, KIND_NAMES) : undefined
    problems.push({ path: ['kind'], message: `unknown kind ${found(input.kind)}`, expected: orList(KIND_NAMES), suggestion })
  }
  if (input.metadata === undefined || input.metadata === null)
    problems.push({
      path: ['metadata'],
      message: input.metadata === null ? '"metadata" is empty' : 'missing field "metadata"',
      expected: 'a name: metadata: { name: … }',
    })
  return problems
}

/** A required field that is there under a misspelt name: point at that. */
function misspelt(input: Fields, name: string): Pick<FieldProblem, 'path' | 'message' | 'suggestion'> | undefined {
  const wrong = Object.keys(input).find((key) => key !== name && nearest(key, [name]) !== undefined)
  return wrong === undefined ? undefined : { path: [wrong], message: `unknown field ${JSON.stringify(wrong)}`, suggestion: name }
}

function describeAt(kind: Kind, path: FieldPath): string | undefined {
  const [schema] = schemasAt(jsonSchemaOf(kind), path)
  return schema && describeSchema(schema)
}

type Issue = z.core.$ZodIssue

function fieldProblems(issues: readonly Issue[], root: unknown, schema: JsonSchema): FieldProblem[] {
  const flat = issues.flatMap((issue) => resolveUnion(issue, root, schema))
  const told = flat.flatMap((issue) => toProblems(issue, root, schema).map((problem) => ({ problem, isRule: issue.code === 'custom' })))
  const problems = told.map(({ problem }) => problem)
  // `wieght` given and `weight` missing are one mistake; so are a wrong weight and the rule that weights add up to 100.
  const meant = new Set(problems.filter((p) => p.suggestion !== undefined).map((p) => formatPath([...p.path.slice(0, -1), p.suggestion!])))
  const isWithin = (inner: FieldPath, outer: FieldPath) => outer.every((step, i) => step === inner[i])
  return told
    .filter(({ problem: p }) => !(p.message.startsWith('missing field') && meant.has(formatPath(p.path))))
    .filter(({ problem: p, isRule }) => !(isRule && problems.some((other) => other !== p && isWithin(other.path, p.path))))
    .map(({ problem }) => problem)
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
      if (typeof value === 'number') return [{ path, message: `${value} is too ${issue.code === 'too_big' ? 'big' : 'small'}`, expected }]
      const bound = Number(issue.code === 'too_big' ? issue.maximum : issue.minimum)
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
          message: doesNotFit(value),
          expected: issue.code === 'custom' || 'pattern' in issue || 'format' in issue ? spoken(issue.message, expected) : expected,
        },
      ]
  }
}

/** zod's own texts begin with these words; ours do not. */
function spoken(message: string, expected: string | undefined): string | undefined {
  return /^(Invalid|Too) /.test(message) ? expected : message
}

function doesNotFit(value: unknown): string {
  const weights = Array.isArray(value) ? value.map((each) => (isFields(each) ? (each.weight ?? 100) : undefined)) : []
  if (weights.length > 0 && weights.every((weight) => typeof weight === 'number'))
    return `the weights add up to ${weights.reduce((a, b) => a + b, 0)}`
  if (isFields(value))
    return Object.keys(value).length === 0
      ? 'no field is set'
      : `${Object.keys(value).join(', ')} ${Object.keys(value).length === 1 ? 'is' : 'are'} set`
  return `${found(value)} does not fit`
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

function found(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping of fields'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…${typeof value === 'string' ? '"' : ''}` : text
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let here = root
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<PropertyKey, unknown>)[step]
  }
  return here
}
