import fc from 'fast-check'
import { expect, test } from 'vitest'
import { differenceLines } from './difference-lines.ts'

const lines = (before: unknown, after: unknown) => differenceLines(before, after).map(({ sign, text }) => `${sign} ${text}`)

test('fields that change, come and go', () => {
  expect(lines({ spec: { a: 1, b: 'x', gone: true } }, { spec: { a: 2, b: 'x', come: { deep: 1, er: 'y' } } })).toEqual([
    '  spec.a',
    '- 1',
    '+ 2',
    '  spec.gone',
    '- true',
    '  spec.come',
    '+ deep: 1',
    '+ er: y',
  ])
})

test('one entry more in a list is one line', () => {
  const v = (version: string, weight: number) => ({ version, weight })
  expect(lines({ targets: [v('a', 90), v('b', 10)] }, { targets: [v('a', 90), v('c', 5), v('b', 10)] })).toEqual([
    '  targets',
    '  - version: a   weight: 90',
    '+ - version: c   weight: 5',
    '  - version: b   weight: 10',
  ])
})

test('the order of fields is no difference; what only looks alike is', () => {
  expect(lines({ a: 1, b: [{ x: 1, y: 2 }] }, { b: [{ y: 2, x: 1 }], a: 1 })).toEqual([])
  expect(lines({ a: '1' }, { a: 1 })).toEqual(['  a', '- "1"', '+ 1'])
  expect(lines({ a: undefined }, {})).toEqual([])
  expect(lines({ constructor: { x: 1 } }, {})).toEqual(['  constructor', '- x: 1'])
  expect(lines({ a: [], b: {} }, {})).toEqual(['  a', '- []', '  b', '- {}'])
  expect(lines({ a: [1] }, { a: { 0: 1 } })).toEqual(['  a', '- - 1', '+ "0": 1'])
})

test('nothing differs from itself, and whatever differs has a line', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
      expect(differenceLines(a, structuredClone(a))).toEqual([])
      const changed = differenceLines(a, b).some(({ sign }) => sign !== ' ')
      expect(changed).toBe(canonical(a) !== canonical(b))
    }),
  )
})

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => {
    if (Object.is(one, -0)) return '-0'
    return typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one
  })
