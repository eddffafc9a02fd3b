import { expect, it } from 'vitest'
import { fitted, intervalBar, shareBar, wrapped } from './lines.ts'

it('a share is full only where it is all, and empty only where there is next to nothing', () => {
  expect([0, 0.004, 0.01, 0.5, 0.99, 1, 1.5].map((share) => shareBar(share, 4))).toEqual([
    '░░░░',
    '░░░░',
    '█░░░',
    '██░░',
    '███░',
    '████',
    '████',
  ])
})

it('an interval stands where it is on its scale, and the middle is always seen', () => {
  const scale = { least: 0, most: 10 }
  expect(intervalBar({ low: 2, mean: 4, high: 8 }, scale, 11)).toBe('··├─●───┤··')
  expect(intervalBar({ low: 0, mean: 0, high: 0.1 }, scale, 11)).toBe('●··········')
  expect(intervalBar({ low: -5, mean: 5, high: 50 }, scale, 11)).toBe('◂────●────▸')
  expect(intervalBar({ low: 1, mean: 1, high: 1 }, { least: 1, most: 1 }, 3)).toBe('·●·')
  const marks = [
    { at: 0, sign: '│' },
    { at: 3, sign: '┊' },
    { at: 4, sign: '┊' },
  ]
  expect(intervalBar({ low: 2, mean: 4, high: 8 }, scale, 11, marks)).toBe('│·├┊●───┤··')
})

it('a sentence is broken between words', () => {
  expect(wrapped('one two three', 7)).toEqual(['one two', 'three'])
  expect(wrapped('incomprehensible words', 5)).toEqual(['incomprehensible', 'words'])
  expect(wrapped('', 5)).toEqual([])
})

it('what does not fit is counted', () => {
  const lines = ['a', 'b', 'c'].map((text) => [{ text }])
  expect(fitted(lines, 3)).toBe(lines)
  expect(fitted(lines, 2).at(-1)).toEqual([{ text: '… 2 more lines', tone: 'dim' }])
})
