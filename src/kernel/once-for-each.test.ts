import { expect, test } from 'vitest'
import { onceForEach } from './once-for-each.ts'

test('is made once for each object, and again where nothing came of it', () => {
  const asked: string[] = []
  const lengthOf = onceForEach(({ name }: { readonly name: string }) => {
    asked.push(name)
    return name === '' ? undefined : name.length
  })
  const [shop, nobody] = [{ name: 'shop' }, { name: '' }]
  expect([lengthOf(shop), lengthOf(shop), lengthOf({ name: 'shop' })]).toEqual([4, 4, 4])
  expect([lengthOf(nobody), lengthOf(nobody)]).toEqual([undefined, undefined])
  expect(asked).toEqual(['shop', 'shop', '', ''])
})
