import { expect, it } from 'vitest'
import { RequestRefused } from '../../../wire/openai/refusal.ts'
import { waysOf } from './ambiguity.ts'
import { readSchema } from './read.ts'

const of = (schema: unknown) => waysOf(readSchema(schema, 'schema'))
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const object = (properties: Record<string, unknown>, more: object = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
})

it.each<[string, unknown, number]>([
  ['anything', true, 1],
  ['a value of several types', { type: ['object', 'array', 'string', 'number', 'null'] }, 5],
  ['strings that differ in length alone', { anyOf: times(128, (i) => ({ type: 'string', minLength: i })) }, 128],
  ['the same branch again and again', { $defs: { a: { type: 'string' } }, anyOf: times(100, () => ({ $ref: '#/$defs/a' })) }, 1],
  ['a thousand values', { enum: times(1_000, (i) => `${'x'.repeat(80)}${i}`) }, 1],
  ['members that may be left out', { type: 'object', properties: Object.fromEntries(times(300, (i) => [`p${i}`, true])) }, 301],
])('counts %s', (_, schema, ways) => {
  expect(of(schema)).toBe(ways)
})

it('takes unions of the kind that generators write, however deep and recursive', () => {
  const element = {
    anyOf: [
      object({ type: { const: 'text' }, text: { type: 'string' } }),
      object({
        type: { const: 'image' },
        address: { type: 'string' },
        caption: { anyOf: [{ $ref: '#/$defs/element' }, { type: 'null' }] },
      }),
      ...times(20, (i) => object({ type: { const: `box-${i}` }, children: { type: 'array', items: { $ref: '#/$defs/element' } } })),
    ],
  }
  expect(of({ $defs: { element }, $ref: '#/$defs/element' })).toBeLessThan(50)
  const expression = {
    anyOf: [
      object({ name: { type: 'string' }, left: { $ref: '#/$defs/e' }, right: { $ref: '#/$defs/e' } }),
      object({ name: { type: 'string' }, inner: { $ref: '#/$defs/e' } }),
      object({ value: { type: 'number' } }),
      { type: 'null' },
    ],
  }
  expect(of({ $defs: { e: expression }, $ref: '#/$defs/e' })).toBeLessThan(10)
  const open = { type: 'object', properties: { child: { $ref: '#' }, name: { type: 'string' } }, additionalProperties: true }
  expect(of(open)).toBeLessThan(60)
})

it.each<[string, unknown]>([
  ['arrays in arrays', levels(3, 20, (inner, i) => ({ type: 'array', items: inner, minItems: i }))],
  ['tuples in tuples', levels(4, 6, (inner, i) => ({ type: 'array', prefixItems: [inner], minItems: 1, maxItems: 1 + i }))],
  ['objects that begin with what is ambiguous', levels(4, 6, (inner, i) => object({ a: inner, [`b${i}`]: true }))],
  [
    'a list of lists of itself',
    {
      $defs: {
        t: {
          anyOf: [
            { type: 'array', items: { $ref: '#/$defs/t' } },
            { type: 'array', minItems: 1, items: { $ref: '#/$defs/t' } },
          ],
        },
      },
      anyOf: [{ $ref: '#/$defs/t' }, { type: 'number' }],
    },
  ],
  [
    'an open object whose other members are itself',
    { type: 'object', properties: { a: { $ref: '#' } }, additionalProperties: { $ref: '#' } },
  ],
  [
    'two thousand members that may be left out',
    { type: 'object', properties: Object.fromEntries(times(1_900, (i) => [`p${i}`, { type: 'null' }])) },
  ],
])('refuses %s in a moment, and says so', (_, schema) => {
  const before = performance.now()
  let refusal: unknown
  try {
    readSchema(schema, 'schema')
  } catch (error) {
    refusal = error
  }
  expect(performance.now() - before).toBeLessThan(2_000)
  expect(refusal).toBeInstanceOf(RequestRefused)
  expect(refusal).toMatchObject({ status: 400, body: { error: { code: 'invalid_schema' } } })
})

it('tells constants that overlap in every way apart in a moment', () => {
  const objects = times(12, (i) =>
    object(Object.fromEntries(times(8, (k) => [`m${k}`, { enum: times(8, (v) => (v * (i + 1) + k) % 16) }]))),
  )
  const before = performance.now()
  expect(of({ anyOf: objects })).toBe(12)
  expect(performance.now() - before).toBeLessThan(2_000)
})

function levels(depth: number, branches: number, wrap: (inner: unknown, i: number) => unknown): unknown {
  const $defs: Record<string, unknown> = { d0: { type: 'string' } }
  for (let d = 1; d <= depth; d++) $defs[`d${d}`] = { anyOf: times(branches, (i) => wrap({ $ref: `#/$defs/d${d - 1}` }, i)) }
  return { $defs, anyOf: [{ $ref: `#/$defs/d${depth}` }] }
}
