import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StopBuffer } from './stop-buffer.ts'

function run(stops: string[], pieces: string[]) {
  const buffer = new StopBuffer(stops)
  let shown = ''
  for (const piece of pieces) {
    const { safe, stop, rest } = buffer.push(piece)
    shown += safe
    if (stop !== undefined) return { shown, stop, rest }
  }
  return { shown: shown + buffer.flush(), stop: undefined, rest: '' }
}

describe('StopBuffer', () => {
  it('finds a stop across pieces, and shows what came before', () => {
    expect(run(['capital of'], ['The cap', 'ital', ' of France'])).toEqual({ shown: 'The ', stop: 'capital of', rest: ' France' })
  })

  it('takes the one of several that is complete first, and of those the longest', () => {
    expect(run(['xyz', 'b'], ['a', 'bxyz'])).toMatchObject({ shown: 'a', stop: 'b' })
    expect(run(['ab', 'b'], ['xab'])).toMatchObject({ shown: 'x', stop: 'ab' })
  })

  it('shows at once what cannot become a stop', () => {
    expect(new StopBuffer(['END']).push('hello E').safe).toBe('hello ')
    expect(new StopBuffer(['END']).push('hello').safe).toBe('hello')
  })

  it('shows the same however the text is cut, and never a part of the stop', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1, maxLength: 3 }), fc.array(letters, { maxLength: 20 }), (stops, pieces) => {
        const text = pieces.join('')
        const ends = stops.map((stop) => (text.includes(stop) ? text.indexOf(stop) + stop.length : Number.POSITIVE_INFINITY))
        const end = Math.min(...ends)
        const longest = Math.max(...stops.filter((_, i) => ends[i] === end).map((stop) => stop.length))
        const at = end === Number.POSITIVE_INFINITY ? text.length : end - longest
        const { shown, stop } = run(stops, pieces)
        expect(shown).toBe(text.slice(0, at))
        expect(stop === undefined).toBe(end === Number.POSITIVE_INFINITY)
      }),
    )
  })
})
