/**
 * Parameters that nobody means well with, through a whole system with a real model behind: what is legal is done, the rest is refused, and while
 * that goes on somebody else's small request is answered as if nothing were. At the end no process has been restarted, none has grown, and no
 * key stands in a log or a record.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storyModel } from '../fixtures/weights.ts'
import { llamaAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import './seed.ts'

/** A small answer takes some tens of milliseconds. What hangs hangs for minutes; a busy machine is slower by a few times. */
const BESIDE_MS = 10_000
const CHAT = '/v1/chat/completions'
const PATIENCE_MS = 60_000

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap: llamaAssistant(await storyModel(), { sequences: 4, contextSize: 256 }) })
  expect((await ask({})).status).toBe(200)
})
afterAll(() => system?.stop())

const messages = [{ role: 'user', content: 'Once upon a time' }]

async function ask(more: Record<string, unknown> | string, path = CHAT, signal = AbortSignal.timeout(PATIENCE_MS)) {
  const body = typeof more === 'string' ? more : JSON.stringify({ model: 'assistant', messages, max_tokens: 8, seed: 1, ...more })
  const headers = { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' }
  const response = await fetch(`${system.gatewayUrl}${path}`, { method: 'POST', headers, body, signal })
  return { status: response.status, text: await response.text() }
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const named = <T>(count: number, make: (i: number) => T) => Object.fromEntries(times(count, (i) => [`k${i}`, make(i)]))
const format = (schema: unknown) => ({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } })
const tool = (parameters: unknown, i = 0) => ({ type: 'function', function: { name: `t${i}`, parameters } })
const levels = (depth: number, branches: number, wrap: (inner: unknown, i: number) => unknown) => ({
  $defs: {
    d0: { type: 'string' },
    ...Object.fromEntries(times(depth, (d) => [`d${d + 1}`, { anyOf: times(branches, (i) => wrap({ $ref: `#/$defs/d${d}` }, i)) }])),
  },
  anyOf: [{ $ref: `#/$defs/d${depth}` }],
})
const list = (items: unknown, minItems: number) => ({ type: 'array', items, minItems })
const completion = (prompt: unknown, more: object = {}) => JSON.stringify({ model: 'assistant', prompt, max_tokens: 4, ...more })

type Absurd = readonly [name: string, body: () => Record<string, unknown> | string, expected: readonly number[], path?: string]
const absurd: readonly Absurd[] = [
  ['10,000 stops', () => ({ stop: times(10_000, (i) => `s${i}`) }), [400]],
  [
    '16 stops of 1,000 characters each that nearly match',
    () => ({ stop: times(16, (i) => `${' the'.repeat(245)}${i}`), max_tokens: 100 }),
    [200],
  ],
  ['an empty stop', () => ({ stop: '' }), [400]],
  ['100,000 logit biases', () => ({ logit_bias: Object.fromEntries(times(100_000, (i) => [i, -100])) }), [400]],
  ['1,000 logit biases', () => ({ logit_bias: Object.fromEntries(times(1_000, (i) => [i, -100])) }), [200]],
  ['biases of tokens that are none', () => ({ logit_bias: { 999999999: 100 } }), [400]],
  ['a bias of 1e308', () => ({ logit_bias: { 1: 1e308 } }), [400]],
  ['300,000 pieces of metadata', () => ({ metadata: named(300_000, () => '') }), [400]],
  ['128 choices', () => ({ n: 128, max_tokens: 1 }), [200, 400, 429]],
  ['two billion choices', () => ({ n: 2 ** 31 }), [400]],
  ['two billion tokens', () => ({ max_tokens: 2 ** 31, stop: ['.'] }), [200]],
  ['numbers at the edge of what a double holds', () => ({ temperature: 1e-308, top_p: 5e-324, seed: Number.MAX_SAFE_INTEGER }), [200]],
  ['a number that is no double', () => `{"model":"assistant","messages":[{"role":"user","content":"a"}],"temperature":1e999}`, [400]],
  ['a seed below zero', () => ({ seed: -(2 ** 53 - 1) }), [200]],
  ['a schema that refers to itself', () => format({ $ref: '#' }), [400]],
  [
    'schemas that refer to each other and to nothing else',
    () => format({ $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }),
    [400],
  ],
  ['a list of itself without end', () => format({ type: 'array', items: { $ref: '#' }, minItems: 1 }), [200]],
  ['a pattern that backtracks for ever', () => format({ type: 'string', pattern: '^(a+)+$' }), [400]],
  ['a pattern for names that does', () => format({ type: 'object', patternProperties: { '^(a|a)*$': {} } }), [400]],
  ['a grammar that explodes at its beginning', () => format(levels(3, 60, (inner, i) => list(inner, i + 1))), [400]],
  [
    'a grammar that explodes with each bracket',
    () => format({ $defs: { t: { anyOf: times(30, (i) => list({ $ref: '#/$defs/t' }, i % 3)) } }, anyOf: [{ $ref: '#/$defs/t' }] }),
    [400],
  ],
  [
    'the same in a tool that must be called',
    () => ({
      tools: [tool({ type: 'object', properties: { a: levels(3, 60, (inner, i) => list(inner, i + 1)) } })],
      tool_choice: 'required',
    }),
    [400],
  ],
  [
    'a list of at least a thousand lists of at least a thousand',
    () => format(list(list(list({ type: 'string' }, 1_000), 1_000), 1_000)),
    [200],
  ],
  ['a string of at least a thousand characters', () => format({ type: 'string', minLength: 1_000 }), [200]],
  ['a list of a billion', () => format({ type: 'array', minItems: 1e9 }), [400]],
  ['a thousand values with a long common beginning', () => format({ enum: times(1_000, (i) => `${'x'.repeat(90)}${i}`) }), [200]],
  [
    'five hundred members that may be left out',
    () => format({ type: 'object', properties: named(500, () => ({ type: 'string' })) }),
    [200],
  ],
  ['two thousand of them', () => format({ type: 'object', properties: named(1_950, () => ({ type: 'string' })) }), [400]],
  [
    'a schema nested a hundred levels deep',
    () => format(times(100, (i) => i).reduce<unknown>((inner) => ({ type: 'array', items: inner }), {})),
    [400],
  ],
  [
    'a schema nested a hundred thousand levels deep',
    () =>
      JSON.stringify({ model: 'assistant', messages, ...format(0) }).replace(
        '"schema":0',
        `"schema":${'{"items":'.repeat(100_000)}{}${'}'.repeat(100_000)}`,
      ),
    [400],
  ],
  [
    'a schema with names that mean something',
    () =>
      format(
        JSON.parse(
          '{"type":"object","properties":{"__proto__":{"type":"null"},"constructor":{"type":"null"}},"required":["__proto__"],"additionalProperties":false}',
        ),
      ),
    [200],
  ],
  [
    '128 tools of a thousand repeats each',
    () => ({
      tools: times(128, (i) => tool({ type: 'object', properties: { a: { type: 'string', maxLength: 1_000 } } }, i)),
      tool_choice: 'required',
    }),
    [400],
  ],
  ['129 tools', () => ({ tools: times(129, (i) => tool({ type: 'object' }, i)) }), [400]],
  [
    'a tool whose description is a megabyte',
    () => ({ tools: [{ type: 'function', function: { name: 'f', description: 'x'.repeat(1_000_000) } }] }),
    [400],
  ],
  ['15 MB of one letter', () => ({ messages: [{ role: 'user', content: 'a'.repeat(15_000_000) }] }), [400]],
  ['15 MB of control tokens', () => ({ messages: [{ role: 'user', content: '</s>'.repeat(3_750_000) }] }), [400]],
  [
    '15 MB of characters that stand in for others',
    () => ({
      messages: [
        {
          role: 'user',
          content: times(65_000, (i) => String.fromCodePoint(0xf0000 + i))
            .join('')
            .repeat(57),
        },
      ],
    }),
    [400],
  ],
  ['half a million messages', () => ({ messages: times(450_000, () => ({ role: 'user', content: '' })) }), [400]],
  ['ten thousand messages', () => ({ messages: times(10_000, () => ({ role: 'user', content: 'a' })) }), [400]],
  [
    'half a million parts of content',
    () => ({ messages: [{ role: 'user', content: times(450_000, () => ({ type: 'text', text: '' })) }] }),
    [400],
  ],
  [
    'arguments of a call nested without end',
    () => ({
      messages: [
        { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '['.repeat(100_000) } }] },
        ...messages,
      ],
    }),
    [400],
  ],
  ['half of a character', () => ({ messages: [{ role: 'user', content: 'a\ud800b' }], stop: ['\udc00'] }), [200]],
  ['a NUL', () => ({ messages: [{ role: 'user', content: 'a\0b' }], stop: ['\0'] }), [200]],
  ['7 million tokens', () => completion(times(7_000_000, () => 1)), [400], '/v1/completions'],
  ['tokens that are none', () => completion([1, 999_999_999]), [400], '/v1/completions'],
  ['128 prompts of 50,000 characters', () => completion(times(128, () => 'x '.repeat(25_000))), [400], '/v1/completions'],
  [
    '128 prompts of 100 tokens',
    () =>
      completion(
        times(128, () => times(100, () => 5)),
        { max_tokens: 1 },
      ),
    [200, 400, 429],
    '/v1/completions',
  ],
  [
    'embeddings of a model that has none',
    () => JSON.stringify({ model: 'assistant', input: times(2_048, () => 'x'.repeat(5_000)) }),
    [400],
    '/v1/embeddings',
  ],
]

describe('absurd parameters, while somebody else asks for a word', () => {
  it.each(absurd.map(([name, body, expected, path = CHAT]) => [name, body, expected, path] as const))(
    '%s',
    async (_name, body, expected, path) => {
      const sent = body()
      const asked = ask(sent, path)
      let over = false
      void asked.then(
        () => (over = true),
        () => (over = true),
      )
      await sleep(10)
      let beside = 0
      do {
        const started = performance.now()
        const { status, text } = await ask({ max_tokens: 1 })
        beside = Math.max(beside, performance.now() - started)
        // All of the line may be taken by 128 choices: then it is said at once.
        expect([[200, 429].includes(status), status, text]).toEqual([true, status, text])
      } while (!over)
      const { status, text } = await asked
      expect([status, text.slice(0, 300)]).toEqual([
        expect.toSatisfy((each: number) => expected.includes(each), `one of ${expected}`),
        text.slice(0, 300),
      ])
      if (status !== 200)
        expect(JSON.parse(text).error).toMatchObject({ message: expect.any(String), type: expect.any(String), code: expect.any(String) })
      expect(text).not.toContain(system.apiKey)
      expect(beside).toBeLessThan(BESIDE_MS)
    },
  )
})

it('a hundred schemas made up at random, of parts that begin alike', { timeout: 120_000 }, async () => {
  const reference = fc.constantFrom('#', '#/$defs/a', '#/$defs/b').map(($ref) => ({ $ref }))
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => {
    const inner = fc.oneof({ weight: 2, arbitrary: reference }, tie('schema'))
    return {
      schema: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          { type: 'string' },
          { type: 'null' },
          { type: 'integer', minimum: -5, maximum: 1_000 },
          { type: 'string', format: 'email' },
          true,
          { enum: ['a', 'ab', 'b'] },
        ),
        reference,
        fc.record({ type: fc.constant('array'), items: inner, minItems: fc.nat(3) }),
        fc.record({ type: fc.constant('array'), prefixItems: fc.array(inner, { maxLength: 3 }) }),
        fc.array(inner, { minLength: 1, maxLength: 6 }).map((anyOf) => ({ anyOf })),
        fc
          .record({
            properties: fc.dictionary(fc.constantFrom('a', 'ab', 'b', 'c'), inner),
            additionalProperties: fc.oneof(fc.boolean(), inner),
            all: fc.boolean(),
          })
          .map(({ all, ...rest }) => ({ type: 'object', ...rest, required: all ? Object.keys(rest.properties) : [] })),
      ),
    }
  })
  const whole = fc.tuple(schema, schema, schema).map(([root, a, b]) => ({ $defs: { a, b }, anyOf: [root, { $ref: '#/$defs/a' }] }))
  let taken = 0
  await fc.assert(
    fc.asyncProperty(whole, async (made) => {
      const { status, text } = await ask({ ...format(made), max_tokens: 24, temperature: 1.5 })
      expect([[200, 400].includes(status), text]).toEqual([true, text])
      if (status === 200) taken++
      const started = performance.now()
      expect((await ask({ max_tokens: 1 })).status).toBe(200)
      expect(performance.now() - started).toBeLessThan(BESIDE_MS)
    }),
    { numRuns: 100 },
  )
  expect(taken).toBeGreaterThan(20)
})

it('nothing was restarted, and no key stands in a log or a record', async () => {
  for (const { name, restarts } of await system.processes()) expect([name, restarts]).toEqual([name, 0])
  await sleep(300) // records are written within 100 ms
  const files = ['logs', 'records'].flatMap((folder) =>
    readdirSync(join(system.home, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(system.home, folder, name))
      .filter((file) => statSync(file).isFile()),
  )
  expect(files.length).toBeGreaterThan(3)
  for (const file of files) {
    const text = readFileSync(file)
    for (const secret of [system.apiKey, system.adminToken]) expect([file, text.includes(secret)]).toEqual([file, false])
  }
  const errors = readdirSync(join(system.home, 'logs')).flatMap((name) =>
    readFileSync(join(system.home, 'logs', name), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"level":"error"')),
  )
  expect(errors).toEqual([])
})
