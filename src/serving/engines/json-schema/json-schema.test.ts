import type { LlamaGrammar } from 'node-llama-cpp'
import { getLlama, type Llama } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RequestRefused } from '../../../wire/openai/refusal.ts'
import { Grammar, schemaGrammar } from './grammar.ts'
import { instanceOf } from './instance.ts'
import { integerRange } from './integer-range.ts'
import { readSchema } from './read.ts'

function refusal(schema: unknown) {
  try {
    readSchema(schema, 'schema')
  } catch (error) {
    if (error instanceof RequestRefused) return error.body.error
    throw error
  }
  throw new Error('it was accepted')
}

const nested = (depth: number) => Array.from({ length: depth }).reduce<unknown>((items) => ({ type: 'array', items }), { type: 'null' })
const shared = (make: (next: { $ref: string }) => unknown) => ({
  $defs: {
    ...Object.fromEntries(Array.from({ length: 28 }, (_, i) => [`d${i}`, make({ $ref: `#/$defs/d${i + 1}` })])),
    d28: { type: 'string' },
  },
  $ref: '#/$defs/d0',
})

describe('readSchema', () => {
  it.each<[unknown, string, string]>([
    [{ type: 'string', pattern: 'a+' }, 'schema.pattern', 'unsupported_parameter'],
    [{ type: 'object', properties: { a: { type: 'number', minimum: 1 } } }, 'schema.properties.a.minimum', 'unsupported_parameter'],
    [{ type: 'object', patternProperties: {} }, 'schema.patternProperties', 'unsupported_parameter'],
    [{ type: 'array', uniqueItems: true }, 'schema.uniqueItems', 'unsupported_parameter'],
    [{ not: {} }, 'schema.not', 'unsupported_parameter'],
    [{ type: 'object', anyOf: [{ type: 'object' }] }, 'schema.type', 'unsupported_parameter'],
    [{ allOf: [{}, {}] }, 'schema.allOf', 'unsupported_parameter'],
    [{ oneOf: [{ type: 'string' }, { const: 'a' }] }, 'schema.oneOf', 'unsupported_parameter'],
    [{ type: 'string', format: 'hostname' }, 'schema.format', 'unsupported_parameter'],
    [{ type: 'text' }, 'schema.type', 'invalid_schema'],
    [{ type: 'string', minLength: -1 }, 'schema.minLength', 'invalid_schema'],
    [{ type: 'string', minLength: 3, maxLength: 2 }, 'schema.maxLength', 'invalid_schema'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, 'schema', 'invalid_schema'],
    [{ type: 'array', items: { type: 'array', maxItems: 100_000 } }, 'schema.items.maxItems', 'invalid_schema'],
    [{ enum: [] }, 'schema', 'invalid_schema'],
    [{ enum: ['a'], type: 'integer' }, 'schema', 'invalid_schema'],
    [{ type: 'object', required: ['a'], additionalProperties: false }, 'schema.required', 'invalid_schema'],
    [false, 'schema', 'invalid_schema'],
    ['string', 'schema', 'invalid_schema'],
    [{ $ref: 'https://example.com/a' }, 'schema.$ref', 'invalid_schema'],
    [{ $ref: '#/$defs/a' }, 'schema.$ref', 'invalid_schema'],
    [{ $ref: '#' }, 'schema.$ref', 'invalid_schema'],
    [
      { $defs: { a: { $ref: '#/$defs/b' }, b: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] } }, $ref: '#/$defs/a' },
      'schema.$defs.b.anyOf[0].$ref',
      '',
    ],
    [{ anyOf: Array.from({ length: 500 }, () => ({ type: 'null' })) }, 'schema.anyOf', 'invalid_schema'],
    [{ enum: Array.from({ length: 5_000 }, (_, i) => i) }, 'schema', 'invalid_schema'],
  ])('refuses %j', (schema, param, code) => {
    const error = refusal(schema)
    expect(error.code).toContain(code)
    if (code !== '') expect(error.param).toBe(param)
  })

  it('refuses what is deep, long or explodes, in a moment', () => {
    const start = performance.now()
    refusal(nested(100))
    refusal({ type: 'object', properties: Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`p${i}`, true])) })
    refusal({ type: 'object', properties: { ['x'.repeat(200_000)]: true } })
    for (const make of [
      (next: unknown) => ({ anyOf: [next, next] }),
      (next: unknown) => ({ oneOf: [next, next] }),
      (next: unknown) => ({ type: 'object', properties: { a: next, b: next }, required: ['a', 'b'] }),
    ]) {
      try {
        // Deep enough to explode if shared parts were walked each time; whether it is accepted is another matter.
        instanceOf(readSchema(shared(make), 'schema'), [])
      } catch (error) {
        expect(error).toBeInstanceOf(RequestRefused)
      }
    }
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('grammars', () => {
  let llama: Llama
  beforeAll(async () => {
    llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false })
  }, 60_000)
  afterAll(() => llama.dispose())

  /** Does llama.cpp's own parser take `text` as a whole? */
  const matcher = async (grammar: string) => {
    const parsed = (await llama.createGrammar({ grammar })) as LlamaGrammar & { _testText(text: string): boolean }
    return (text: string) => parsed._testText(text)
  }

  const cat = {
    type: 'object',
    properties: { kind: { const: 'cat' }, lives: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['kind', 'lives'],
  }
  const dog = { type: 'object', properties: { kind: { const: 'dog' }, barks: { type: 'boolean' } }, required: ['kind'] }

  it.each<[string, unknown, unknown[], string[]]>([
    ['anything', true, [1, 'a', null, [1, { a: [] }]], ['', '{', '[1,]']],
    ['any object', { type: 'object' }, [{}, { a: 1 }], ['[]', '1']],
    [
      'members required and not, in order',
      {
        type: 'object',
        properties: { a: { type: 'null' }, b: { type: 'null' }, c: { type: 'null' }, d: { type: 'null' } },
        required: ['b', 'd'],
      },
      [
        { b: null, d: null },
        { a: null, b: null, d: null },
        { a: null, b: null, c: null, d: null },
      ],
      ['{}', '{"a":null}', '{"d":null,"b":null}', '{"b":null,"d":null,"e":null}', '{"b":null,}'],
    ],
    [
      'members that may all be left out',
      { type: 'object', properties: { a: { type: 'null' }, b: { type: 'null' } }, additionalProperties: false },
      [{}, { a: null }, { b: null }, { a: null, b: null }],
      ['{,"b":null}', '{"c":null}'],
    ],
    [
      'other members of a schema',
      { type: 'object', properties: { a: { type: 'null' } }, additionalProperties: { type: 'integer' } },
      [{}, { a: null, x: 1 }, { x: 1, y: 2 }],
      ['{"x":"s"}'],
    ],
    ['a required member that is not declared', { type: 'object', required: ['a'] }, [{ a: 'x' }, { a: 1, b: 2 }], ['{}']],
    ['a bounded array', { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 }, [[1], [1, 2, 3]], ['[]', '[1,2,3,4]']],
    ['an array of one', { type: 'array', items: { type: 'null' }, maxItems: 1 }, [[], [null]], ['[null,null]']],
    ['an empty array', { type: 'array', maxItems: 0 }, [[]], ['[1]']],
    [
      'a tuple',
      { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }], items: false, minItems: 2 },
      [[1, 'a']],
      ['[1]', '["a",1]', '[1,"a",2]'],
    ],
    [
      'a tuple with a tail',
      { type: 'array', prefixItems: [{ type: 'null' }], items: { type: 'boolean' } },
      [[], [null], [null, true, false]],
      ['[true]'],
    ],
    ['a bounded string', { type: 'string', minLength: 2, maxLength: 3 }, ['ab', 'äöü'], ['"a"', '"abcd"']],
    ['values', { enum: ['a"b', 1, null, { x: [] }] }, ['a"b', 1, null, { x: [] }], ['"a"', '2']],
    [
      'values with a common beginning',
      { enum: ['a', 'ab', 'abc', 'b', '', 1, 12, 123, -1, '🦊', '🦋', '\ud83e', 'a"', null, [1], [1, 2]] },
      ['a', 'ab', 'abc', 'b', '', 1, 12, 123, -1, '🦊', '🦋', '\ud83e', 'a"', null, [1], [1, 2]],
      ['"abcd"', '2', '1234', '-', '-12', '"', '[1,3]', '"ac"'],
    ],
    ['several types', { type: ['string', 'null'] }, ['a', null], ['1']],
    [
      'tagged branches',
      { oneOf: [cat, dog] },
      [{ kind: 'cat', lives: 9 }, { kind: 'dog', barks: true }, { kind: 'dog' }],
      ['{"kind":"cat","barks":true}'],
    ],
    ['one allOf', { allOf: [{ type: 'boolean' }] }, [true], ['1']],
    [
      'a tree',
      {
        type: 'object',
        properties: { v: { type: 'integer' }, next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
        required: ['v', 'next'],
      },
      [{ v: 1, next: { v: 2, next: null } }],
      ['{"v":1}'],
    ],
    ['a date', { type: 'string', format: 'date' }, ['2026-11-25'], ['"2026-13-01"', '"tomorrow"']],
    ['a time stamp', { type: 'string', format: 'date-time' }, ['2026-11-25T10:00:00Z', '2026-11-25T10:00:00.123+02:00'], ['"2026-11-25"']],
    ['a uuid', { type: 'string', format: 'uuid' }, ['123e4567-e89b-12d3-a456-426614174000'], ['"123"']],
    ['an address', { type: 'string', format: 'ipv4' }, ['10.0.255.1'], ['"10.0.256.1"']],
    [
      'what zod says of a safe integer',
      { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 },
      [0, -5, 123456],
      ['1.5'],
    ],
  ])('hold to %s', async (_, schema, good, bad) => {
    const read = readSchema(schema, 'schema')
    const matches = await matcher(schemaGrammar(read))
    for (const value of good) {
      expect([JSON.stringify(value), matches(JSON.stringify(value))]).toEqual([JSON.stringify(value), true])
    }
    for (const text of bad) expect([text, matches(text)]).toEqual([text, false])
    const instance = instanceOf(read, ['alpha', 'beta gamma'])
    expect([instance, matches(instance)]).toEqual([instance, true])
    expect(matches(`${JSON.stringify(good[0])}\n`)).toBe(false)
  })

  it.each([
    [0, 0],
    [1, 9],
    [7, 120],
    [-12, 345],
    [-99, -10],
    [95, 1005],
    [100, 999],
    [undefined, 15],
    [-3, undefined],
  ])('matches exactly the integers from %s to %s', async (min, max) => {
    const grammar = new Grammar()
    const matches = await matcher(grammar.text(grammar.rule(integerRange(min, max))))
    for (let value = -130; value <= 1_100; value++) {
      const inside = (min === undefined || value >= min) && (max === undefined || value <= max)
      if (matches(String(value)) !== inside) expect(`${value} matches`).toBe(inside)
    }
    expect(matches('007')).toBe(false)
  })
})
