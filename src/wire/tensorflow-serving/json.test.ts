import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTensorJson, writeTensorJson } from './json.ts'

const nested = (levels: number, inner = '') => `${'['.repeat(levels)}${inner}${']'.repeat(levels)}`
const numbers = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity))
const { value: tensorJson } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    numbers,
    fc.string({ unit: fc.constantFrom('NaN', '-Infinity', '"', '\\', 'ü', ' ') }),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('NaN', '__proto__')), tie('value')),
  ),
}))

describe('tensor JSON', () => {
  it.each<[string, unknown]>([
    ['NaN', Number.NaN],
    [' -Infinity\n', -Infinity],
    ['[NaN,Infinity,-Infinity,1e999,0]', [Number.NaN, Infinity, -Infinity, Infinity, 0]],
    [
      '{"predictions": [[1.5, NaN], [Infinity, 2]]}',
      {
        predictions: [
          [1.5, Number.NaN],
          [Infinity, 2],
        ],
      },
    ],
    [String.raw`["NaN", "a\"NaN", "\\", NaN, "-Infinity\\\""]`, ['NaN', 'a"NaN', '\\', Number.NaN, '-Infinity\\"']],
    ['{"NaN":NaN,"Infinity":{"a":[NaN]}}', { NaN: Number.NaN, Infinity: { a: [Number.NaN] } }],
  ])('reads %s', (text, value) => {
    expect(parseTensorJson(text)).toEqual(value)
  })

  it.each([
    '',
    '{',
    'nan',
    'Nan',
    '-NaN',
    '+Infinity',
    '--Infinity',
    '- Infinity',
    '1Infinity',
    '-1-Infinity',
    'Infinity5',
    '1e-Infinity',
    '1.Infinity',
    'NaNNaN',
    '1NaN',
    '[NaN,]',
    '[NaN NaN]',
    '{NaN:1}',
    '{Infinity:1}',
    '["NaN]',
    '[NaN,"',
    `[NaN,${nested(10_000)}]`,
    nested(129),
    nested(100_000),
    nested(100_000, 'NaN'),
    '['.repeat(100_000),
    `NaN${'"'.repeat(100_000)}`,
  ])('refuses %.20s', (text) => {
    expect(() => parseTensorJson(text)).toThrow(
      expect.objectContaining({ code: 'invalid_json', message: expect.stringMatching(/^It is n/) }),
    )
  })

  it('does with plain JSON what JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseTensorJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('takes and refuses the same plain texts as JSON.parse', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '\\', '1', '-', 'e', '.', 'null', 'true', ' ')
    const attempt = (parse: (text: string) => unknown, text: string) => {
      try {
        return { value: parse(text) }
      } catch {
        return 'refused'
      }
    }
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('')
        expect(attempt(parseTensorJson, text)).toEqual(attempt(JSON.parse, text))
      }),
      { numRuns: 1_000 },
    )
  })

  it('reads what it writes, whatever strings and keys say', () => {
    fc.assert(
      fc.property(tensorJson, (value) => {
        const plain = JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner === 'number' ? String(inner) : inner)))
        const read = parseTensorJson(writeTensorJson(value))
        expect(JSON.parse(JSON.stringify(read, (_, inner) => (typeof inner === 'number' ? String(inner) : inner)))).toEqual(plain)
      }),
    )
  })

  it('takes a bare word exactly where JSON takes its own', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', '#')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom('NaN', 'Infinity'), (pieces, word) => {
        const parses = (parse: (text: string) => unknown, text: string) => {
          try {
            parse(text)
            return true
          } catch {
            return false
          }
        }
        const text = pieces.join('')
        expect(parses(parseTensorJson, text.replaceAll('#', word))).toBe(parses(JSON.parse, text.replaceAll('#', 'true')))
      }),
      { numRuns: 2_000 },
    )
  })

  it('keeps __proto__ a name like others', () => {
    const read = parseTensorJson('{"__proto__":NaN,"a":{"__proto__":{"b":NaN}}}') as Record<string, object>
    expect(Object.entries(read)[0]).toEqual(['__proto__', Number.NaN])
    expect(Object.keys(read.a!)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).b).toBeUndefined()
  })

  it('writes what JSON has no word for bare, and large integers with all digits', () => {
    expect(writeTensorJson({ a: [Number.NaN, Infinity, -Infinity, 1], b: 'NaN', c: 2n ** 63n, d: -(2n ** 63n) })).toBe(
      '{"a":[NaN,Infinity,-Infinity,1],"b":"NaN","c":9223372036854775808,"d":-9223372036854775808}',
    )
    expect(writeTensorJson(5n)).toBe('5')
    expect(writeTensorJson(null)).toBe('null')
  })

  it('refuses to write what is too deep, and writes what is wide', () => {
    expect(() => writeTensorJson(JSON.parse(nested(100_000)))).toThrow('nested more than 128 levels')
    const wide = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, i]))
    expect(writeTensorJson(wide)).toBe(JSON.stringify(wide))
  })
})
