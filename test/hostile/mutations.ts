/**
 * What a fuzzer does to a document that would be fine: values of other types and sizes in any place, fields that are gone, doubled or of a
 * name that means something to a program, and at the end bytes that are no document at all. Texts, not values, come out: `__proto__`, lone
 * surrogates and duplicate keys only exist there.
 */
import fc from 'fast-check'
import type { JsonSchema } from '../../src/resources/json-schema.ts'

const deep = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels)

/** JSON texts of values that nobody means well with. */
const hostile: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    '0',
    '-0',
    '-1',
    '1',
    '1.5',
    '1e308',
    '1e999',
    '9007199254740993',
    '1e-320',
    '""',
    '" "',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udc00x"',
    '"\\u202e\\ufeff\\uffff"',
    '"__proto__"',
    '"constructor"',
    '"../../etc/passwd"',
    '"%{HOME}"',
    '"1h"',
    '"-1s"',
    '"99999999999h"',
    '[]',
    '[null]',
    '[[]]',
    '{}',
    '{"length":9}',
    '{"toString":1,"valueOf":1}',
    '{"toJSON":{}}',
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"then":"x"}',
  ),
  fc.constantFrom(deep(300, '[', ']'), deep(20_000, '[', ']'), `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`),
  fc.constantFrom(JSON.stringify('x'.repeat(100_000)), JSON.stringify('é'.repeat(70_000)), `[${'0,'.repeat(20_000)}0]`),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => JSON.stringify(text)),
  fc.double({ noNaN: true }).map((number) => JSON.stringify(number)),
  fc.integer().map(String),
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
)

/** Texts that a schema may allow and a database, a log line or a terminal may not. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    'a\0b',
    '\ud800',
    '\udc00',
    '\u202eabc',
    '\ufeff',
    '\uffff',
    "'; drop table resources; --",
    '\x1b[2J',
    '🦊',
    'é'.repeat(300),
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
)

const hostileKey: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '',
    ' ',
    '\u0000',
    '\ud800',
    'a'.repeat(10_000),
    '0',
    '-1',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

type Edit = {
  readonly at: number
  readonly act: 'replace' | 'remove' | 'rename' | 'add' | 'double' | 'many'
  readonly value: string
  readonly key: string
}
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  act: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'rename', 'add', 'double', 'many'),
  value: hostile,
  key: hostileKey,
})

/** A document as a tree of texts: keys may stand twice. */
type Tree = { kind: 'text'; text: string } | { kind: 'list'; items: Tree[] } | { kind: 'fields'; fields: [string, Tree][] }

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(treeOf) }
  if (typeof value === 'object' && value !== null)
    return { kind: 'fields', fields: Object.entries(value).map(([key, each]) => [key, treeOf(each)]) }
  return { kind: 'text', text: JSON.stringify(value) ?? 'null' }
}

function textOf(tree: Tree): string {
  if (tree.kind === 'text') return tree.text
  if (tree.kind === 'list') return `[${tree.items.map(textOf).join(',')}]`
  return `{${tree.fields.map(([key, each]) => `${JSON.stringify(key)}:${textOf(each)}`).join(',')}}`
}

function places(tree: Tree, found: { parent: Tree; index: number }[] = []): { parent: Tree; index: number }[] {
  if (tree.kind === 'text') return found
  const inner = tree.kind === 'list' ? tree.items : tree.fields.map(([, each]) => each)
  inner.forEach((each, index) => {
    found.push({ parent: tree, index })
    places(each, found)
  })
  return found
}

/** Many, as long as that stays small: size has cases of its own, and would only slow the others down. */
const timesOf = (text: string) => Math.min(300, Math.ceil(50_000 / (text.length + 1)))

function apply(root: Tree, { at, act, value, key }: Edit): void {
  const all = places(root)
  const place = all[at % Math.max(1, all.length)]
  if (!place) return
  const { parent, index } = place
  const text: Tree = { kind: 'text', text: value }
  if (parent.kind === 'list') {
    if (act === 'remove') parent.items.splice(index, 1)
    else if (act === 'many') parent.items.push(...Array.from({ length: timesOf(textOf(parent.items[index]!)) }, () => parent.items[index]!))
    else if (act === 'double') parent.items.push(parent.items[index]!)
    else parent.items[index] = text
  } else if (parent.kind === 'fields') {
    const field = parent.fields[index]!
    if (act === 'remove') parent.fields.splice(index, 1)
    else if (act === 'rename') field[0] = key
    else if (act === 'add') parent.fields.push([key, text])
    else if (act === 'double') parent.fields.push([field[0], text])
    else if (act === 'many')
      parent.fields.push(...Array.from({ length: timesOf(key + value) }, (_, i): [string, Tree] => [`${key}${i}`, text]))
    else field[1] = text
  }
}

/** One of the documents, with some edits: as JSON. */
export function mutated(documents: fc.Arbitrary<unknown>, mostEdits = 4): fc.Arbitrary<string> {
  return fc.tuple(documents, fc.array(edit, { maxLength: mostEdits })).map(([document, edits]) => {
    const tree = treeOf(document)
    for (const each of edits) apply(tree, each)
    return textOf(tree)
  })
}

/** Bytes that were once a document, or never. */
export function damaged(texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  return fc.oneof(
    fc.tuple(texts, fc.nat(), fc.uint8Array({ maxLength: 8 })).map(([text, at, bytes]) => {
      const whole = Buffer.from(text)
      const cut = at % (whole.length + 1)
      return Buffer.concat([whole.subarray(0, cut), bytes, whole.subarray(cut + bytes.length)])
    }),
    fc.tuple(texts, fc.nat()).map(([text, at]) => {
      const whole = Buffer.from(text)
      return whole.subarray(0, at % (whole.length + 1))
    }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    hostile.map((text) => Buffer.from(text)),
  )
}

/** Values that a JSON Schema of ours allows, for the most part: what stands behind a refinement is for luck to meet. */
export function allowedBy(schema: JsonSchema): fc.Arbitrary<unknown> {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches) return fc.oneof(...branches.map(allowedBy))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.examples && schema.examples.length > 0) return fc.constantFrom(...schema.examples)
  switch (schema.type) {
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'integer':
    case 'number': {
      const min = schema.minimum ?? schema.exclusiveMinimum ?? -1_000
      const max = Math.min(schema.maximum ?? schema.exclusiveMaximum ?? 1_000_000, Number.MAX_SAFE_INTEGER)
      return schema.type === 'integer'
        ? fc.integer({ min: Math.max(min, Number.MIN_SAFE_INTEGER), max: Math.max(min, max) })
        : fc.double({ min, max: Math.max(min, max), noNaN: true })
    }
    case 'array':
      return fc.array(schema.items ? allowedBy(schema.items) : fc.jsonValue(), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(4, schema.maxItems ?? 4),
      })
    case 'object': {
      const { properties = {}, additionalProperties, required = [] } = schema
      const named = fc.record(Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, allowedBy(each)])), {
        requiredKeys: required as never[],
      })
      if (typeof additionalProperties !== 'object') return named
      return fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), allowedBy(additionalProperties), { maxKeys: 3 })
    }
    case 'string': {
      if (schema.format === 'date-time') return fc.constant('2027-01-01T00:00:00Z')
      if (schema.format === 'date') return fc.constant('2027-01-01')
      if (schema.format === 'uri') return fc.webUrl()
      if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern), { maxLength: 70 })
      const unit = fc.constantFrom('grapheme', 'binary')
      return unit.chain((of) =>
        fc.string({ unit: of as 'binary', minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40) }),
      )
    }
    default:
      return fc.jsonValue()
  }
}
