/**
 * What is wrong with a manifest, said so that it can be mended: where, what was found, what is allowed, and the nearest name for a typo.
 */
import { type FieldPath, type FieldProblem, type Fields, found, isFields } from './field-problem.ts'
import { KIND_NAMES, type Kind, RESOURCE_SCHEMAS, type Resource } from './index.ts'
import { fieldProblems } from './issues.ts'
import { describeSchema, jsonSchemaOf, orList, quote, schemasAt } from './json-schema.ts'
import { nearest } from './nearest.ts'
import { API_VERSION } from './scalars.ts'

export { type FieldPath, type FieldProblem, formatPath, formatProblem, type Problem } from './field-problem.ts'

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
  // What is refused has a reason, come what may: without one it would pass for a document that is not there.
  if (!result.success && problems.length === 0)
    for (const { path, message } of result.error.issues)
      problems.push({ path: path as FieldPath, message: 'it does not fit', expected: message })
  if (problems.length > 0 || !result.success) return { problems }
  const broken = unstorable(result.data)
  return broken.length > 0 ? { problems: broken } : { resource: result.data as Resource }
}

/** PostgreSQL's JSON holds no NUL and no half of a surrogate pair: such a text would be refused on its way into the database, in words of its own. */
const UNSTORABLE = /\0|\p{Surrogate}/u

/** Every text and every name that no database could keep, of a document whose shape is right. */
function unstorable(value: unknown, path: (string | number)[] = []): FieldProblem[] {
  if (typeof value === 'string')
    return UNSTORABLE.test(value) ? [{ path, message: 'the text holds a NUL or half of a character', expected: 'whole characters' }] : []
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap((each, i) => unstorable(each, [...path, i]))
  return Object.entries(value).flatMap(([name, each]) =>
    UNSTORABLE.test(name)
      ? [
          {
            path,
            message: `the name ${JSON.stringify(name.slice(0, 80))} holds a NUL or half of a character`,
            expected: 'whole characters',
          },
        ]
      : unstorable(each, [...path, name]),
  )
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
