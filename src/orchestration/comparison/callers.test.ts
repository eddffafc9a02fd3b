import { expect, test } from 'vitest'
import { Callers, isAmong } from './callers.ts'

const names = Array.from({ length: 20_000 }, (_, i) => `header:caller-${i}`)

test('holds who was added and nobody else, and so does what was stored of it, in eight bytes each', () => {
  const some = new Callers()
  for (const name of names.slice(0, 10_000)) some.add(name)
  const text = JSON.stringify(some)
  expect(text.length).toBeLessThan(10_000 * 11)
  for (const each of [some, new Callers(JSON.parse(text) as string)]) {
    expect(each.size).toBe(10_000)
    expect(names.filter((name) => each.has(name))).toEqual(names.slice(0, 10_000))
  }
  expect(new Callers().size).toBe(0)
})

test('a part of all names is what it says, whatever they have in common, and a part of a part is in it', () => {
  for (const part of [0.5, 0.25, 0.03125]) {
    const found = names.filter((name) => isAmong(name, part))
    expect(Math.abs(found.length / names.length - part)).toBeLessThan(4 * Math.sqrt((part * (1 - part)) / names.length))
    expect(found.every((name) => isAmong(name, part * 2))).toBe(true)
  }
  expect(names.every((name) => isAmong(name, 1))).toBe(true)
  const some = new Callers()
  for (const name of names) some.add(name)
  some.keepOnly(0.25)
  expect(names.filter((name) => some.has(name))).toEqual(names.filter((name) => isAmong(name, 0.25)))
})
