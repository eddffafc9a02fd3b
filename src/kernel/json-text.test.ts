import fc from 'fast-check'
import { expect, test } from 'vitest'
import { topLevelValue } from './json-text.ts'

test('finds what stands in the outermost object, and nothing that is deeper', () => {
  const text = ' { "a" : {"model":"no","b":["}", "\\"]"]}, "model" :"yes\\"\\\\", "n": 1 }'
  const [start, end] = topLevelValue(text, 'model')!
  expect(text.slice(start, end)).toBe('"yes\\"\\\\"')
  expect(text.slice(...topLevelValue(text, 'n')!)).toBe('1')
  expect(topLevelValue(text, 'b')).toBeUndefined()
  expect(topLevelValue('[{"a":1}]', 'a')).toBeUndefined()
})

test('agrees with JSON.parse, whatever the object is', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.jsonValue()), fc.constantFrom(0, 2), (object, indent) => {
      const text = JSON.stringify(object, null, indent)
      for (const key of ['a', 'b', 'ab', ...Object.keys(object)]) {
        const found = topLevelValue(text, key)
        if (!Object.hasOwn(object, key)) expect(found).toBeUndefined()
        else expect(JSON.parse(text.slice(...found!))).toEqual(JSON.parse(JSON.stringify(object[key])))
      }
    }),
    { numRuns: 500 },
  )
})

test('text that is no JSON ends somewhere', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', 'a', ':', ',', ' ') }), (text) => {
      const found = topLevelValue(text, 'a')
      if (found) expect(found[1]).toBeGreaterThan(found[0])
    }),
    { numRuns: 2_000 },
  )
})
