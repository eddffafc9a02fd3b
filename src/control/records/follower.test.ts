import { appendFileSync, mkdirSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../kernel/clock.ts'
import { createLog } from '../../kernel/log.ts'
import { createRecordWriter } from '../../monitoring/records/writer.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { RecordMark, UsageRow } from '../../store/usage.ts'
import { feedbackRecord, finishedRecord, progressRecord, startedRecord } from './example-records.ts'
import { type Follower, followRecords } from './follower.ts'
import type { KeptFold } from './kept-fold.ts'

const log = createLog('test', () => undefined)
/** Usage is stored every three seconds; what is on top is for a busy machine. */
const FOLDED_MS = 10_000
let folder: string
let heard: string[]
let rows: UsageRow[]
let marks: Map<string, RecordMark>
let stored: Map<string, string>
/** True: no mark can move. A name: not that gateway's. */
let failing: boolean | string
let refused: number
let followers: Follower[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-records-'))
  heard = []
  rows = []
  marks = new Map()
  stored = new Map()
  failing = false
  refused = 0
  followers = []
})
afterEach(async () => {
  failing = false
  await Promise.all(followers.map((each) => each.close()))
  rmSync(folder, { recursive: true, force: true })
})

async function follow(live: boolean[] = [], kept: readonly KeptFold[] = []): Promise<Follower> {
  const follower = await followRecords({
    folder,
    clock: systemClock,
    log,
    usage: {
      fold: async (more, mark, _uses, changed = new Map()) => {
        if (failing === true || failing === mark.gateway) {
          refused += 1
          throw new Error('the database is away')
        }
        rows.push(...more)
        marks.set(mark.gateway, mark)
        for (const [key, value] of changed) {
          if (value === undefined) stored.delete(key)
          else stored.set(key, value)
        }
      },
      marks: async () => [...marks.values()],
    },
    kept,
    onRecord(record: RequestRecord, isLive) {
      heard.push(record.id)
      live.push(isLive)
    },
  })
  followers.push(follower)
  return follower
}
const line = (id: string, more = {}) => `${JSON.stringify(finishedRecord({ id, ...more }))}\n`
const segment = (name: string, text: string, gateway = 'gateway-0') => {
  mkdirSync(join(folder, gateway), { recursive: true })
  appendFileSync(join(folder, gateway, `${name}.ndjson`), text)
}
const BOOT_1 = '01AAAAAAAAAAAAAAAAAAAAAAAA'
const BOOT_2 = '01BBBBBBBBBBBBBBBBBBBBBBBB'
const requests = () => rows.reduce((sum, row) => sum + row.requests, 0)

test('lines come once, over segments, boots and gateways', async () => {
  segment(`${BOOT_1}-000001`, line('a'))
  await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a']))
  segment(`${BOOT_1}-000001`, line('b'))
  segment(`${BOOT_1}-000002`, line('c'))
  segment(`${BOOT_2}-000001`, line('d'))
  segment(`${BOOT_1}-000001`, line('e'), 'gateway-1')
  await vi.waitFor(() => expect([...heard].sort()).toEqual(['a', 'b', 'c', 'd', 'e']))
  await vi.waitFor(() => expect(requests()).toBe(5), FOLDED_MS)
})

test('what a real writer writes is read', async () => {
  const writer = createRecordWriter({ folder, gateway: 'gateway-0', boot: BOOT_1, log, segmentBytes: 600 })
  await follow()
  for (let i = 0; i < 10; i++) {
    const { gateway: _g, boot: _b, seq: _s, time: _t, ...record } = finishedRecord({ id: `w${i}` })
    writer.finish(record)
    await sleep(30)
  }
  writer.close()
  await vi.waitFor(() => expect(heard).toHaveLength(10), 3_000)
  expect(new Set(heard).size).toBe(10)
})

test('thousands at once come whole and in order, and others have their turn in between', async () => {
  segment(`${BOOT_1}-000001`, line('first'))
  await follow()
  await vi.waitFor(() => expect(heard).toEqual(['first']))
  await sleep(250)
  const ids = Array.from({ length: 5_000 }, (_, i) => `r${i}`)
  const parts: number[] = []
  const watch = setInterval(() => {
    if (heard.length > 1 && heard.length < 5_001 && parts.at(-1) !== heard.length) parts.push(heard.length)
  }, 1)
  segment(`${BOOT_1}-000001`, ids.map((id) => line(id)).join(''))
  await vi.waitFor(() => expect(heard).toHaveLength(5_001), 10_000)
  clearInterval(watch)
  expect(heard.slice(1)).toEqual(ids)
  // More parts than there are reads of the file.
  expect(parts.length).toBeGreaterThan(5)
  await vi.waitFor(() => expect(requests()).toBe(5_001), FOLDED_MS)
})

test('a torn last line waits for its end', async () => {
  const whole = line('a')
  segment(`${BOOT_1}-000001`, whole.slice(0, 50))
  await follow()
  await sleep(300)
  expect(heard).toEqual([])
  segment(`${BOOT_1}-000001`, whole.slice(50))
  await vi.waitFor(() => expect(heard).toEqual(['a']))
})

test('a line that a killed gateway tore is skipped when the next segment is there', async () => {
  segment(`${BOOT_1}-000001`, line('a') + line('b').slice(0, 40))
  segment(`${BOOT_2}-000001`, line('c'))
  await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a', 'c']))
})

test('after a restart nothing is counted twice and nothing left out', async () => {
  segment(`${BOOT_1}-000001`, line('a') + line('b'))
  const first = await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b']))
  await first.close()
  expect(requests()).toBe(2)
  segment(`${BOOT_1}-000001`, line('c'))
  heard = []
  const live: boolean[] = []
  const second = await follow(live)
  // The first two come again for whoever looks at what was, and only the third is counted.
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b', 'c']))
  expect(live).toEqual([false, false, false])
  await second.close()
  expect(requests()).toBe(3)
})

test('a database that is away costs no count', async () => {
  failing = true
  segment(`${BOOT_1}-000001`, line('a'))
  await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a']))
  await sleep(1_300)
  segment(`${BOOT_1}-000001`, line('b'))
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b']), 3_000)
  // Nor does it keep what is read from whoever looks on: of this gateway and of the others.
  segment(`${BOOT_1}-000001`, line('c', { gateway: 'gateway-1' }), 'gateway-1')
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b', 'c']), 3_000)
  await sleep(2_300)
  failing = false
  await vi.waitFor(() => expect(requests()).toBe(3), 4_000)
  expect(rows).toHaveLength(2) // however often they were put back
})

test('a segment that was removed before it was read is passed over', async () => {
  segment(`${BOOT_1}-000001`, line('a'))
  const first = await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a']))
  await first.close()
  unlinkSync(join(folder, 'gateway-0', `${BOOT_1}-000001.ndjson`))
  segment(`${BOOT_1}-000003`, line('c'))
  heard = []
  await follow()
  await vi.waitFor(() => expect(heard).toEqual(['c']))
})

test('lines that are no records are skipped', async () => {
  segment(`${BOOT_1}-000001`, `not json\n{"type":"other"}\n${line('a')}`)
  await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a']))
})

test('feedback is told, also to what is kept, and is no request', async () => {
  segment(`${BOOT_1}-000001`, `${line('a')}${JSON.stringify(feedbackRecord({ id: 'b' }))}\n`)
  const kept: string[] = []
  const fold: KeptFold = { add: ({ type }) => void kept.push(type), take: () => new Map(), putBack: () => undefined }
  const follower = await follow([], [fold])
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b']))
  await follower.close()
  expect(kept).toEqual(['finished', 'feedback'])
  expect(requests()).toBe(1)
})

test('that a request goes on is told, and counts for nothing', async () => {
  segment(`${BOOT_1}-000001`, `${JSON.stringify(startedRecord({ id: 'a' }))}\n${JSON.stringify(progressRecord({ id: 'a' }))}\n${line('a')}`)
  const follower = await follow()
  await vi.waitFor(() => expect(heard).toEqual(['a', 'a', 'a']))
  await follower.close()
  expect(requests()).toBe(1)
})

/** Counts the requests of each consumer, and knows what it has counted by where each gateway's records came from. */
function countingFold(): KeptFold & { readonly counts: () => Record<string, number> } {
  const state = new Map<string, { count: number; seen: Record<string, { boot: string; seq: number }> }>()
  for (const [key, value] of stored) state.set(key, JSON.parse(value) as { count: number; seen: Record<string, never> })
  const changed = new Set<string>()
  return {
    add(record) {
      if (record.type !== 'finished') return
      const { gateway, boot, seq } = record
      const key = `count/${record.consumer}`
      const counted = state.get(key) ?? { count: 0, seen: {} }
      const seen = counted.seen[gateway]
      if (seen && (boot < seen.boot || (boot === seen.boot && seq <= seen.seq))) return
      state.set(key, { count: counted.count + 1, seen: { ...counted.seen, [gateway]: { boot, seq } } })
      changed.add(key)
    },
    take() {
      const rows = new Map([...changed].map((key) => [key, JSON.stringify(state.get(key))]))
      changed.clear()
      return rows
    },
    putBack(rows) {
      for (const key of rows.keys()) changed.add(key)
    },
    counts: () => Object.fromEntries([...state].map(([key, { count }]) => [key, count])),
  }
}

test('what is kept of the records moves with any mark: after a kill in between each is counted once', async () => {
  let seq = 0
  const write = (id: string, gateway: string, consumer = 'shop') =>
    segment(`${BOOT_1}-000001`, line(id, { gateway, consumer, seq: ++seq }), gateway)
  for (const id of ['a', 'b']) write(id, 'gateway-0')
  for (const id of ['c', 'd', 'e']) write(id, 'gateway-1', id === 'e' ? 'office' : 'shop')
  failing = 'gateway-1'
  const first = await follow([], [countingFold()])
  await vi.waitFor(() => expect(heard).toHaveLength(5))
  await vi.waitFor(() => expect([...marks.keys()]).toEqual(['gateway-0']), FOLDED_MS)
  // It reads, and dies before the mark of what it has read is stored.
  failing = true
  write('f', 'gateway-0')
  await vi.waitFor(() => expect(heard).toHaveLength(6))
  await first.close()
  expect(requests()).toBe(2)
  failing = false
  const again = countingFold()
  heard = []
  const second = await follow([], [again])
  await vi.waitFor(() => expect([...heard].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']))
  write('g', 'gateway-1', 'office')
  await vi.waitFor(() => expect(heard).toContain('g'))
  await second.close()
  expect(again.counts()).toEqual({ 'count/shop': 5, 'count/office': 2 })
  expect(countingFold().counts()).toEqual(again.counts())
  expect(requests()).toBe(7)
})

test('what could not be kept is taken again', async () => {
  failing = true
  const fold = countingFold()
  segment(`${BOOT_1}-000001`, line('a'))
  const follower = await follow([], [fold])
  await vi.waitFor(() => expect(refused).toBeGreaterThan(0), FOLDED_MS)
  failing = false
  await follower.close()
  expect(countingFold().counts()).toEqual({ 'count/shop': 1 })
})
