import { describe, expect, it } from 'vitest'
import { readRecordFilter } from '../../../src/control/records/record-filter.ts'
import { chipsOf, FIELDS, filterQuery, isLive, OUTCOMES, readChip, suggestions } from './filters.ts'

const said = (text: string) => {
  const chip = readChip(text)
  return chip && `${chip.field.name}=${chip.value}`
}

describe('what is typed', () => {
  it.each([
    ['route:assistant', 'route=assistant'],
    [' status : 5xx ', 'status=5xx'],
    ['limit:small', 'refusedBy=small'],
    ['slower:2s', 'slowerThan=2s'],
    ['> 800ms', 'slowerThan=800ms'],
    ['404', 'status=404'],
    ['timeout', 'outcome=timeout'],
    ['req_01KB', 'id=req_01KB'],
    ['route:', undefined],
    ['nothing:x', undefined],
    ['ab', undefined],
  ])('%s', (text, expected) => expect(said(text)).toBe(expected))

  it('is helped along', () => {
    const choices = { route: ['assistant', 'translator'], consumer: ['web'] }
    expect(suggestions('', choices)).toContain('consumer:')
    expect(suggestions('ro', choices)[0]).toBe('route:')
    expect(suggestions('route:tr', choices)).toEqual(['route:translator'])
    expect(suggestions('web', choices)).toEqual(['consumer:web'])
  })
})

describe('the address', () => {
  it('carries the filters, in the words that control reads', () => {
    const address = new URLSearchParams('route=assistant&outcome=failed&nonsense=1&since=1h')
    expect(chipsOf(address).map(({ field, value }) => `${field.word}:${value}`)).toEqual(['outcome:failed', 'route:assistant'])
    expect(filterQuery(address).toString()).toBe('outcome=failed&route=assistant&since=1h')
    for (const { name } of FIELDS) {
      const value = { slowerThan: '1s', status: '5xx', from: '2026-11-25', to: '2026-11-25' }[name] ?? OUTCOMES[0]!
      const { matches, from, to } = readRecordFilter({ [name]: value }, 0)
      expect([name, from !== undefined || to !== undefined || !matches({ type: 'started', id: '' } as never)]).toEqual([name, true])
    }
  })

  it('says whether anything new can match', () => {
    expect(isLive(new URLSearchParams(''), 1_000)).toBe(true)
    expect(isLive(new URLSearchParams('to=999'), 1_000)).toBe(false)
    expect(isLive(new URLSearchParams('to=2001-01-01'), Date.now())).toBe(false)
  })
})
