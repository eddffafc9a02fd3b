import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sortableId, timeOfRequestId } from '../../kernel/ids.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import { feedbackRecord, finishedRecord, progressRecord, startedRecord } from './example-records.ts'
import { type Cursor, findRequest, readCursor, readHistory, writeCursor } from './history.ts'
import { readRecordFilter } from './record-filter.ts'

const BEGIN = Date.parse('2026-11-25T10:00:00.000Z')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-history-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** `second` after the beginning, as the writer writes it: where it comes from first. */
const line = (gateway: string, second: number, more: Partial<RequestRecord> = {}) => {
  const { gateway: _g, boot, seq, time: _t, ...rest } = finishedRecord({ id: `${gateway}-${second}`, ...(more as object) })
  return `${JSON.stringify({ gateway, boot, seq, time: new Date(BEGIN + second * 1000).toISOString(), ...rest })}\n`
}
const segment = (gateway: string, number: number, text: string) => {
  mkdirSync(join(folder, gateway), { recursive: true })
  appendFileSync(join(folder, gateway, `${'0'.repeat(25)}A-${String(number).padStart(6, '0')}.ndjson`), text)
}
const filter = (query: Record<string, string> = {}) => readRecordFilter({ type: 'finished', ...query }, BEGIN)
async function all(query: Record<string, string>, limit = 7, budget?: number): Promise<string[]> {
  const ids: string[] = []
  let cursor: Cursor | undefined
  do {
    const page = await readHistory(folder, { filter: filter(query), limit, cursor, budget })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.next && readCursor(writeCursor(page.next))
  } while (cursor)
  return ids
}

describe('what was', () => {
  it('comes newest first over gateways and segments, each once, page by page', async () => {
    for (let i = 0; i < 60; i++)
      segment(i % 3 === 0 ? 'gateway-1' : 'gateway-0', i < 30 ? 1 : 2, line(i % 3 === 0 ? 'gateway-1' : 'gateway-0', i))
    const expected = Array.from({ length: 60 }, (_, i) => `gateway-${(59 - i) % 3 === 0 ? 1 : 0}-${59 - i}`)
    expect(await all({})).toEqual(expected)
    expect(await all({}, 1_000)).toEqual(expected)
  })

  it('is in order also when a page may read next to nothing', async () => {
    const long = { model: 'm'.repeat(3_000) }
    for (let i = 0; i < 900; i++)
      segment(i % 5 === 0 ? 'gateway-1' : 'gateway-0', 1, line(i % 5 === 0 ? 'gateway-1' : 'gateway-0', i, long))
    const times = (await all({}, 50, 1)).map((id) => Number(id.split('-').at(-1)))
    expect(times).toEqual(Array.from({ length: 900 }, (_, i) => 899 - i))
  })

  it('is looked for between two times without reading the rest', async () => {
    for (let i = 0; i < 4_000; i++) segment('gateway-0', i < 2_000 ? 1 : 2, line('gateway-0', i, { model: 'm'.repeat(900) }))
    const from = String(BEGIN + 700_000)
    const to = String(BEGIN + 710_000)
    const page = await readHistory(folder, { filter: filter({ from, to }), limit: 100, budget: 1_200_000 })
    expect(page.items.map(({ id }) => id)).toEqual(Array.from({ length: 11 }, (_, i) => `gateway-0-${710 - i}`))
    expect(page.next).toBeUndefined()
  })

  it('says how far it has looked when it has found nothing yet', async () => {
    segment('gateway-0', 1, line('gateway-0', 0, { consumer: 'rare' }))
    for (let i = 1; i < 1_500; i++) segment('gateway-0', 1, line('gateway-0', i, { model: 'm'.repeat(900) }))
    const first = await readHistory(folder, { filter: filter({ consumer: 'rare' }), limit: 10, budget: 100 })
    expect(first.items).toEqual([])
    expect(first.reached).toBeGreaterThan(BEGIN)
    expect(first.next).toBeDefined()
    expect(await all({ consumer: 'rare' }, 10, 100)).toEqual(['gateway-0-0'])
  })

  it('leaves out what is torn, and what is being written', async () => {
    segment('gateway-0', 1, line('gateway-0', 1))
    segment('gateway-0', 1, '{"gateway":"gateway-0","boot":"B","seq":9,"time":"2026-11-25T10:00:02.000Z","type":"fin\n')
    segment('gateway-0', 1, line('gateway-0', 3))
    segment('gateway-0', 1, line('gateway-0', 4).slice(0, -30))
    expect(await all({})).toEqual(['gateway-0-3', 'gateway-0-1'])
  })

  it('is nothing where nothing was written', async () => {
    expect(await readHistory(join(folder, 'none'), { filter: filter(), limit: 10 })).toEqual({ items: [] })
  })

  it('has the first and the last record of one request, by the time in its id', async () => {
    const id = `req_${sortableId(BEGIN + 5_000)}`
    expect(timeOfRequestId(id)).toBe(BEGIN + 5_000)
    expect(timeOfRequestId('req_x')).toBeUndefined()
    const at = (seconds: number) => ({ id, time: new Date(BEGIN + seconds * 1_000).toISOString() })
    for (let i = 0; i < 300; i++) segment('gateway-0', 1, line('gateway-0', i, i === 200 ? { id } : {}))
    for (const { gateway, boot, seq, time, ...rest } of [startedRecord(at(5)), progressRecord(at(6))])
      segment('gateway-1', 1, `${JSON.stringify({ gateway, boot, seq, time, ...rest })}\n`)
    expect((await findRequest(folder, id)).map(({ type }) => type).sort()).toEqual(['finished', 'started'])
    expect(await findRequest(folder, `req_${sortableId(BEGIN)}`)).toEqual([])
  })

  it('has feedback by its own id, and not under that of the request that it is about', async () => {
    const [request, id] = [BEGIN, BEGIN + 3_000].map((time) => `req_${sortableId(time)}`) as [string, string]
    segment('gateway-0', 1, line('gateway-0', 1, { id: request }))
    const { gateway, boot, seq, ...rest } = feedbackRecord({ id, request, time: new Date(BEGIN + 3_000).toISOString() })
    segment('gateway-0', 1, `${JSON.stringify({ gateway, boot, seq, ...rest })}\n`)
    expect((await findRequest(folder, id)).map(({ type }) => type)).toEqual(['feedback'])
    expect((await findRequest(folder, request)).map(({ type }) => type)).toEqual(['finished'])
    expect(await all({})).toEqual([request])
    expect(await all({ type: 'feedback' })).toEqual([id])
    expect(await all({ type: 'feedback', id: request })).toEqual([id])
  })
})

describe('a filter', () => {
  const record = finishedRecord({
    ...{ assigned: 'v2', served: 'v1', outcome: 'limited', status: 429, limit: 'small', clientRequestId: 'order-77' },
    times: { total: 900 },
  })
  it.each<[Record<string, string>, boolean]>([
    [{}, true],
    [{ version: 'v1' }, true],
    [{ version: 'v2' }, true],
    [{ version: 'v3' }, false],
    [{ assigned: 'v1' }, false],
    [{ served: 'v1' }, true],
    [{ outcome: 'failed' }, true],
    [{ outcome: 'ok,timeout' }, false],
    [{ outcome: 'timeout,limited' }, true],
    [{ status: '4xx' }, true],
    [{ status: '500,429' }, true],
    [{ status: '5xx' }, false],
    [{ refusedBy: 'small', consumer: 'shop' }, true],
    [{ refusedBy: 'small', consumer: 'other' }, false],
    [{ slowerThan: '900ms' }, true],
    [{ slowerThan: '1s' }, false],
    [{ id: 'der-7' }, true],
    [{ type: 'started' }, false],
  ])('%j: %s', (query, expected) => {
    const { matches, needles } = readRecordFilter(query, BEGIN)
    expect(matches(record)).toBe(expected)
    if (expected) for (const needle of needles) expect(JSON.stringify(record)).toContain(needle)
  })

  it('leaves out what is no request, unless that is asked for', () => {
    const given = feedbackRecord({ id: 'f1', request: 'r1' })
    for (const query of [{}, { type: 'finished' }, { id: 'r1' }, { consumer: 'shop' }])
      expect(readRecordFilter(query, BEGIN).matches(given)).toBe(false)
    for (const query of [{}, { id: 'r1' }, { id: 'f1' }, { consumer: 'shop', key: 'k' }])
      expect(readRecordFilter({ type: 'feedback', ...query }, BEGIN).matches(given)).toBe(true)
    for (const query of [{ id: 'r2' }, { version: 'v1' }, { route: 'assistant' }, { outcome: 'ok' }])
      expect(readRecordFilter({ type: 'feedback', ...query }, BEGIN).matches(given)).toBe(false)
  })

  it('leaves out what only analyses read, unless that is asked for', () => {
    for (const query of [{}, { type: 'finished' }, { id: 'r1' }, { assigned: 'v1' }])
      expect(readRecordFilter(query, BEGIN).matches(progressRecord())).toBe(false)
    for (const query of [{ type: 'progress' }, { type: 'progress', id: 'r1', assigned: 'v1' }])
      expect(readRecordFilter(query, BEGIN).matches(progressRecord())).toBe(true)
  })

  it('knows times', () => {
    expect(readRecordFilter({ since: '1h', to: '2026-11-25T10:00:00Z' }, BEGIN)).toMatchObject({ from: BEGIN - 3_600_000, to: BEGIN })
    expect(() => readRecordFilter({ from: 'yesterday' }, BEGIN)).toThrow('is not a time')
    expect(() => readRecordFilter({ outcome: 'ok,bogus' }, BEGIN)).toThrow('`outcome`: "bogus" is not one of failed, ok, client_error,')
    expect(() => readRecordFilter({ status: 'bad' }, BEGIN)).toThrow('is not a status')
  })
})
