import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Interim, Interims } from './interims.ts'
import type { NewStarted } from './line.ts'

test('what has not been let go of is taken, once', () => {
  const step = fc.oneof(
    fc.constant('add'),
    fc.constant('take'),
    fc.nat(30).map((which) => ({ drop: which })),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const interims = new Interims()
      const all: Interim[] = []
      let held: number[] = []
      for (const each of steps) {
        if (each === 'add') {
          const id = all.length
          all.push(interims.add(() => ({ id: String(id) }) as NewStarted))
          held.push(id)
        } else if (each === 'take') {
          const taken = interims.take().map(({ record }) => Number(record().id))
          expect(taken.sort((a, b) => a - b)).toEqual(held)
          held = []
        } else if (all[each.drop]) {
          interims.drop(all[each.drop]!)
          held = held.filter((id) => id !== each.drop)
        }
      }
    }),
  )
})
