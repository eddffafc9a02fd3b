import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLog } from '../../kernel/log.ts'
import { type RequestRecord, requestRecord } from '../request-records.ts'
import type { NewFinished, NewProgress, NewStarted } from './line.ts'
import { createRecordWriter, type RecordWriter } from './writer.ts'

let root: string
let writer: RecordWriter

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'strata-writer-'))
  writer = createRecordWriter({
    folder: root,
    gateway: 'gateway-0',
    boot: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    log: createLog('test', () => undefined),
  })
})
afterEach(async () => {
  await writer.close()
  rmSync(root, { recursive: true, force: true })
})

const written = () => {
  const folder = join(root, 'gateway-0')
  const lines = readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
  return lines.map((line) => JSON.parse(line) as RequestRecord)
}
const said = () => written().map(({ type, id }) => `${type} ${id}`)

const started = (id: string, after = 3): NewStarted => ({
  type: 'started',
  ...{ id, after, operation: 'chat', consumer: 'shop', key: 'k', namespace: 'default', route: 'assistant', routeGeneration: 1 },
  ...{ model: 'assistant', assigned: 'v1', pinned: false, assignments: [], stream: false },
})
const progress = (id: string, after = 5): NewProgress => ({
  type: 'progress',
  ...{ id, after, namespace: 'default', route: 'assistant', assigned: 'v1', assignments: [], firstToken: 4 },
})
const finished = (id: string): NewFinished => ({ type: 'finished', id, attempts: [], outcome: 'ok', status: 200, times: { total: 1 } })

test('a request that is over at once has one record', async () => {
  const beginning = writer.begin(() => started('short'))
  writer.finish(finished('short'), beginning)
  writer.finish(finished('refused'))
  await writer.close()
  expect(said()).toEqual(['finished short', 'finished refused'])
})

test('one that runs on is written down as begun, once, with how long it had been running then', async () => {
  let after = 1
  const beginning = writer.begin(() => started('long', after))
  after = 99
  for (let i = 0; i < 100 && written().length === 0; i++) await sleep(20)
  await sleep(250)
  writer.finish(finished('long'), beginning)
  await writer.close()
  expect(said()).toEqual(['started long', 'finished long'])
  expect(written()[0]).toMatchObject({ after: 99 })
})

test('that a request has had its first token is written once, while it runs, after that it has begun', async () => {
  const beginning = writer.begin(() => started('long'))
  const other = writer.begin(() => started('other'))
  const token = writer.progress(() => progress('long'))
  for (let i = 0; i < 100 && written().length === 0; i++) await sleep(20)
  const late = writer.progress(() => progress('other'))
  for (let i = 0; i < 100 && written().length === 3; i++) await sleep(20)
  await sleep(150)
  writer.finish(finished('long'), beginning, token)
  writer.finish(finished('other'), other, late)
  await writer.close()
  expect(said()).toEqual(['started long', 'started other', 'progress long', 'progress other', 'finished long', 'finished other'])
})

test('a request that is over at once has one record, whatever else it could have said', async () => {
  const beginning = writer.begin(() => started('short'))
  writer.finish(
    finished('short'),
    beginning,
    writer.progress(() => progress('short')),
  )
  await writer.close()
  expect(said()).toEqual(['finished short'])
})

test('what is running when the writer is closed is written down', async () => {
  writer.begin(() => started('cut'))
  await writer.close()
  expect(said()).toEqual(['started cut'])
})

test('lines are records of the schemas, numbered in their order, and no time goes back', async () => {
  writer.begin(() => started('a'))
  writer.progress(() => progress('a'))
  writer.finish(finished('b'))
  writer.feedback({ ...{ type: 'feedback', id: 'c', namespace: 'default', consumer: 'shop', key: 'k' }, request: 'b', score: 1 })
  await writer.close()
  const records = written()
  expect(records.map((record) => requestRecord.parse(record))).toEqual(records)
  expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  expect(records.map(({ time }) => time)).toEqual(records.map(({ time }) => time).sort())
})

test('many are all written, in their order, each with the time at which it came', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `r${i}`)
  for (const id of ids.slice(0, 40)) writer.finish(finished(id))
  await sleep(20)
  const later = Date.now()
  for (const id of ids.slice(40)) writer.finish(finished(id))
  await writer.close()
  expect(written().map(({ id }) => id)).toEqual(ids)
  expect(written().map(({ seq }) => seq)).toEqual(ids.map((_, i) => i + 1))
  expect(written().filter(({ time }) => Date.parse(time) < later)).toHaveLength(40)
})
