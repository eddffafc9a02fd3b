import { expect, it } from 'vitest'
import { readDocuments, readSource } from './documents.ts'

const lines = (...all: string[]) => all.join('\n')
const bomb = lines(
  'a: &a [x, x, x, x, x, x, x, x]',
  'b: &b [*a, *a, *a, *a, *a, *a, *a, *a]',
  'c: &c [*b, *b, *b, *b, *b, *b, *b, *b]',
  'd: [*c, *c, *c, *c, *c, *c, *c, *c]',
)

it.each<[string, string, string]>([
  ['an alias inside of itself', 'a: 1\nb: &b [1, *b]', '2:11 the alias stands inside of what it stands for'],
  ['aliases that multiply', bomb, 'aliases make it grow beyond all bounds (more than 100 uses)'],
  ['a list as a name', '? [a, b]\n: 1', '1:3 a name must be a text, not a list or a mapping'],
  ['mappings as names of mappings', `${'{'.repeat(500)}a${'}'.repeat(500)}`, '1:500 a name must be a text, not a list or a mapping'],
  ['bytes', 'a: !!binary aGVsbG8=', '1:4 unresolved tag: tag:yaml.org,2002:binary; manifests have no tags'],
  ['a set', 'spec: !!set { a, b }', '1:7 unresolved tag: tag:yaml.org,2002:set; manifests have no tags'],
  ['code', 'a: !!js/function "function () {}"', '1:4 unresolved tag: tag:yaml.org,2002:js/function; manifests have no tags'],
  ['a name twice', '__proto__: 1\n__proto__: 2', '2:1 duplicate key "__proto__"'],
  ['brackets without end', '['.repeat(10_000), 'it is nested too deeply'],
  ['indents without end', Array.from({ length: 3_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'it is nested too deeply'],
])('refuses %s in a moment, and says where', (_, text, expected) => {
  const before = performance.now()
  const { documents, problems } = readDocuments('file.yaml', text)
  expect(performance.now() - before).toBeLessThan(5_000)
  expect(documents).toEqual([])
  expect(problems.map(({ position: { line, column }, message }) => `${line}:${column} ${message}`)[0]).toContain(expected)
})

it('reads merges, anchors and names that are numbers', () => {
  const { documents, problems } = readDocuments('file.yaml', 'base: &base { x: 1 }\nother: { <<: *base, y: 2, 3: three }')
  expect(problems).toEqual([])
  expect(documents[0]!.value).toEqual({ base: { x: 1 }, other: { x: 1, y: 2, 3: 'three' } })
})

it('keeps __proto__ a name like others', () => {
  const [document] = readDocuments('file.yaml', '__proto__: { admin: true }').documents
  expect(Object.keys(document!.value as object)).toEqual(['__proto__'])
  expect((document!.value as { admin?: boolean }).admin).toBeUndefined()
})

it.each([
  ['JSON', '{\n  "items": [\n    { "kind": "Model" },\n    { "kind": "Route", "spec": { "models": [1] } }\n  ]\n}', 4, 45, 5],
  ['YAML', 'kind: List\nitems:\n- kind: Model\n- kind: Route\n  spec:\n    models:\n    - 1', 7, 7, 3],
])('a list of manifests in %s stands for each of them, at its place', (_, text, line, column, missing) => {
  const { documents, problems } = readDocuments('file', text)
  expect(problems).toEqual([])
  expect(documents.map(({ value }) => value)).toEqual([{ kind: 'Model' }, { kind: 'Route', spec: { models: [1] } }])
  expect(documents[1]!.positionOf(['spec', 'models', 0], 'value')).toEqual({ line, column })
  // What is missing is missed where its manifest begins.
  expect(documents[0]!.positionOf(['metadata'], 'value')).toEqual({ line: 3, column: missing })
})

it('reads bytes, with a byte order mark or without, and refuses those that are no UTF-8 at their place', () => {
  const read = (bytes: Buffer) => readSource({ file: 'file.yaml', bytes })
  const [document] = read(Buffer.from('\ufeffa: 1')).documents
  expect(document!.value).toEqual({ a: 1 })
  expect(document!.positionOf(['a'], 'value')).toEqual({ line: 1, column: 4 })
  expect(read(Buffer.from('a: 1\nb: R\xe9pons', 'latin1'))).toEqual({
    documents: [],
    problems: [{ file: 'file.yaml', position: { line: 2, column: 5 }, message: 'the byte 0xE9 is not UTF-8; save the text as UTF-8' }],
  })
})
