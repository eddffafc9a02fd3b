import { expect, it } from 'vitest'
import { NO_PROMPTS, PromptLengths } from './prompt-lengths.ts'

const after = (...seen: (readonly [tokens: number, bytes?: number])[]) => {
  const lengths = new PromptLengths(NO_PROMPTS)
  for (const [tokens, bytes] of seen) lengths.learn(tokens, bytes)
  return lengths
}

it('knows nothing at first, and then the mean', () => {
  expect(after().guess(100)).toBe(0)
  expect(after([10], [30]).guess(undefined)).toBe(20)
  expect(after([10], [30]).guess(1_000)).toBe(20)
})

it('takes tokens a byte from all prompts together', () => {
  expect(after([10, 100], [190, 700]).guess(400)).toBeCloseTo(100)
  expect(after([10], [190, 100], [100, 100]).guess(undefined)).toBeCloseTo(100)
})

it('takes no prompt for more than eight common ones, and for none less than nothing', () => {
  const lengths = after([100, 400])
  expect(lengths.guess(4_000_000)).toBe(800)
  expect(lengths.guess(0)).toBe(0)
})

it('goes on from what was stored, of an older program too', () => {
  const state = JSON.parse(JSON.stringify(after([10, 100], [190, 700]).state)) as PromptLengths['state']
  expect(new PromptLengths(state).guess(400)).toBeCloseTo(100)
  const old = new PromptLengths([100, 200])
  old.learn(100, 400)
  expect(old.guess(800)).toBeCloseTo(200)
})

it('follows prompts that grow', () => {
  const lengths = after(
    ...Array.from({ length: 300 }, () => [100, 400] as const),
    ...Array.from({ length: 2_000 }, () => [1_000, 8_000] as const),
  )
  expect(lengths.guess(undefined)).toBeCloseTo(1_000, -1)
  expect(lengths.guess(800) / 100).toBeCloseTo(1, 1)
})
