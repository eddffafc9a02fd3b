import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { parseTrace, readTrace } from './trace.ts'

async function* lines(text: string) {
  yield* text.split('\n')
}
const parse = async (text: string) => {
  const { requests, ...rest } = await parseTrace(lines(text), 'trace')
  const rows = Array.from({ length: requests.length }, (_, i) => [requests.at[i], requests.tokensIn[i], requests.tokensOut[i]])
  return { ...rest, rows }
}

describe('formats', () => {
  it('Azure’s CSV, with its seven digits after the second', async () => {
    const text = 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n'
    const { format, rows } = await parse(text)
    expect(format).toBe('azure')
    expect(rows).toEqual([
      [0, 4808, 10],
      [expect.closeTo(52, 5), 3180, 8],
    ])
  })

  it('Mooncake’s JSON lines, in milliseconds', async () => {
    const text =
      '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0]}\n{"timestamp": 27, "input_length": 7322, "output_length": 490}'
    expect(await parse(text)).toMatchObject({
      format: 'mooncake',
      rows: [
        [0, 6758, 500],
        [27, 7322, 490],
      ],
    })
  })

  it('a plain CSV, its columns in any order, in seconds or dates', async () => {
    expect((await parse('tokensIn,time,tokensOut\n100,0.5,20\n200,2,30')).rows).toEqual([
      [0, 100, 20],
      [1500, 200, 30],
    ])
    expect((await parse('time,tokensIn,tokensOut\n2026-01-01T00:00:00Z,1,2\n2026-01-01T01:00:01+01:00,3,4')).rows).toEqual([
      [0, 1, 2],
      [1000, 3, 4],
    ])
  })

  it('plain JSON lines; by time, whatever their order', async () => {
    const text = '{"time": 3, "tokensIn": 5, "tokensOut": 6}\n{"time": 1, "tokensIn": 1, "tokensOut": 0}'
    expect(await parse(text)).toMatchObject({
      format: 'jsonl',
      rows: [
        [0, 1, 1],
        [2000, 5, 6],
      ],
    })
  })

  it('Strata’s request records: when it came is its end less what it took', async () => {
    const records = [
      { type: 'started', id: 'a', time: '2026-01-01T00:00:00.000Z' },
      { type: 'finished', id: 'a', time: '2026-01-01T00:00:04.000Z', tokens: { in: 10, cached: 0, out: 20 }, times: { total: 4000 } },
      { type: 'finished', id: 'b', time: '2026-01-01T00:00:03.000Z', tokens: { in: 30, cached: 0, out: 40 }, times: { total: 1000 } },
      { type: 'finished', id: 'c', time: '2026-01-01T00:00:03.000Z', outcome: 'limited', times: { total: 1 } },
    ]
    const { format, rows, skipped } = await parse(records.map((record) => JSON.stringify(record)).join('\n'))
    expect({ format, rows, skipped }).toEqual({
      format: 'records',
      rows: [
        [0, 10, 20],
        [2000, 30, 40],
      ],
      // Only the one that reached no instance: what has begun is told again when it ends.
      skipped: 1,
    })
  })
})

describe('times', () => {
  const csv = (...times: (string | number)[]) => parse(`time,tokensIn,tokensOut\n${times.map((time) => `${time},1,2`).join('\n')}\n`)
  const times = async (...given: (string | number)[]) => (await csv(...given)).rows.map(([at]) => at)

  it('may be negative, and have an exponent', async () => {
    expect(await times('-2', '-.5', '+1', '1.5e1')).toEqual([0, 1500, 3000, 17_000])
  })

  it('of a fully quoted CSV are read', async () => {
    expect((await parse('"time","tokensIn","tokensOut"\n"0","1","2"\n"0.5","3","4"')).rows).toEqual([
      [0, 1, 2],
      [500, 3, 4],
    ])
  })

  it('that can only be milliseconds are, all together', async () => {
    expect(await csv('1700000000000', '1700000001500')).toMatchObject({
      inMilliseconds: true,
      rows: [[0], [1500]].map((one) => [...one, 1, 2]),
    })
    expect((await csv(1_700_000_000, 1_700_000_001)).inMilliseconds).toBe(false)
    await expect(csv(5, '1700000000000')).rejects.toThrow('trace, line 3: a time of 1700000000000 is no seconds. Milliseconds?')
    await expect(csv('1700000000000000', '1700000000000001')).rejects.toThrow('line 2: a time of 1700000000000000 is no seconds')
  })

  it('are all numbers or all dates', async () => {
    const { rows, bad } = await csv(0, 1, '2026-01-01T00:00:00Z', 2)
    expect(rows).toHaveLength(3)
    expect(bad).toEqual([{ line: 4, problem: 'a date, where the lines before have numbers' }])
    const half = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? '2026-01-01T00:00:00Z' : i))
    await expect(csv(...half)).rejects.toThrow(/23 lines are none of a trace.*line 3: a number, where the lines before have dates/)
  })

  it('span no more than a month', async () => {
    await expect(csv('2016-01-01T00:00:00Z', '2016-01-01T00:00:09Z', '2026-01-01T00:00:00Z')).rejects.toThrow(
      'trace: from the first request to the last are 3653 days, and 31 are the most; the greatest gap, of 3653 days, is between line 3 (2016-01-01T00:00:09.000Z) and line 4 (2026-01-01T00:00:00.000Z).',
    )
    await expect(csv(9, 0, 4_000_000)).rejects.toThrow('of 46 days, is between line 2 (9 s) and line 4 (4000000 s)')
    expect(await times(0, 31 * 86_400)).toEqual([0, 31 * 86_400_000])
  })

  it('and counts are no null, true or list', async () => {
    const { bad } = await parse(
      [
        '{"time":1,"tokensIn":1,"tokensOut":1}',
        '{"time":true,"tokensIn":1,"tokensOut":1}',
        '{"time":2,"tokensIn":null,"tokensOut":1}',
      ].join('\n'),
    )
    expect(bad).toEqual([
      { line: 2, problem: 'true is no time' },
      { line: 3, problem: 'no number of prompt tokens' },
    ])
  })
})

describe('bad lines', () => {
  it('are told with their numbers and left out', async () => {
    const { rows, bad } = await parse('time,tokensIn,tokensOut\n1,2,3\nx,2,3\n2,,3\n3,4,many\n\n4,5,6')
    expect(rows).toHaveLength(2)
    expect(bad).toEqual([
      { line: 3, problem: '"x" is no time' },
      { line: 4, problem: 'no number of prompt tokens' },
      { line: 5, problem: 'no number of answer tokens' },
    ])
  })

  it('are too many where a file is of another kind', async () => {
    const text = ['{"time": 1, "tokensIn": 1, "tokensOut": 1}', ...new Array(30).fill('{"level":"info"}')].join('\n')
    await expect(parse(text)).rejects.toThrow(/trace: 21 lines are none of a trace, 1 are \(line 2: no time;/)
  })

  it.each([
    ['', /holds no request\./],
    ['time,tokensIn,tokensOut\n', /holds no request/],
    ['time,tokensIn,tokensOut\na,b,c\n', /holds no request \(line 2: "a" is no time\)/],
    ['a,b\n1,2', /line 1: "a,b" is neither JSON nor a line of column names/],
  ])('%j is refused', async (text, message) => {
    await expect(parse(text)).rejects.toThrow(message)
  })
})

describe('files', () => {
  it('are read; what is not there is said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'strata-trace-'))
    try {
      writeFileSync(join(folder, 'a.csv'), '\uFEFFtime,tokensIn,tokensOut\r\n0,1,2\r\n1,3,4\r\n')
      expect((await readTrace(join(folder, 'a.csv'))).requests.length).toBe(2)
      writeFileSync(join(folder, 'c.json'), '{}\n')
      await expect(readTrace(join(folder, 'c.json'))).rejects.toMatchObject({ code: 'invalid' })
      await expect(readTrace(join(folder, 'b.csv'))).rejects.toMatchObject({ code: 'not_found' })
      for (const [bytes, what] of [
        [gzipSync('time,tokensIn,tokensOut'), 'is packed with gzip'],
        [Buffer.from('\uFEFFtime,tokensIn', 'utf16le'), 'is text in UTF-16'],
        [Buffer.from('time,tokensIn', 'utf16le'), 'is no text in UTF-8'],
      ] as const) {
        writeFileSync(join(folder, 'd.csv'), bytes)
        await expect(readTrace(join(folder, 'd.csv'))).rejects.toThrow(what)
      }
      await expect(readTrace(folder)).rejects.toMatchObject({ code: 'unreadable' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
