import { expect, it } from 'vitest'
import { ago, blunt, exampleExperiment, short } from '../../../src/resources/example-experiment.ts'
import { bestArm, inOrder, placeOn } from './experiments.ts'

it('the best arm is the one with the highest effect, of the known ones that do no harm', () => {
  expect(bestArm(exampleExperiment())?.name).toBe('short')
  expect(bestArm(exampleExperiment({ arms: [blunt] }))).toBeUndefined()
  const { value: _, ...unknown } = short.effect!
  expect(bestArm(exampleExperiment({ arms: [{ ...short, effect: unknown }] }))).toBeUndefined()
})

it('those that go on come first, then the newest', () => {
  const made = (name: string, seconds: number, phase: 'Running' | 'Decided') => {
    const each = exampleExperiment({ phase })
    return { ...each, metadata: { ...each.metadata, name, creationTimestamp: ago(seconds) } }
  }
  const all = [made('over', 1, 'Decided'), made('old', 90, 'Running'), made('new', 5, 'Running')]
  expect(inOrder(all).map(({ metadata }) => metadata.name)).toEqual(['new', 'old', 'over'])
})

it('what lies beyond the scale stands at its end', () => {
  const scale = { least: -10, most: 10 }
  expect([-30, -10, 0, 5, 30].map((value) => placeOn(scale, value))).toEqual([0, 0, 50, 75, 100])
  expect(placeOn({ least: 1, most: 1 }, 1)).toBe(50)
})
