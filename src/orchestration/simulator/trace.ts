/**
 * Reads requests to replay, line by line: Azure's LLM inference traces (CSV), Mooncake's (JSONL), a plain CSV or JSONL of time, tokensIn and
 * tokensOut, and Strata's own request records (NDJSON, `finished` ones).
 *
 * Lines that cannot be read are told with their numbers and left out, up to a bound: a trace of another format shall not pass for an empty one.
 */
import { createReadStream } from 'node:fs'
import { StrataError, systemCode } from '../../kernel/errors.ts'
import { readLines } from '../../kernel/json-lines.ts'
import { cellsOf } from './csv.ts'
import { plainText } from './plain-text.ts'
import { type Requests, type Row, requestsOf } from './requests.ts'
import { inMilliseconds, refuseLongSpan, type Time, timeOf } from './trace-times.ts'

export type Format = 'azure' | 'mooncake' | 'csv' | 'jsonl' | 'records'

export interface BadLine {
  readonly line: number
  readonly problem: string
}

export interface Trace {
  readonly format: Format
  readonly requests: Requests
  /** Left out, in order. */
  readonly bad: readonly BadLine[]
  /** Records of requests that ended before their tokens were counted (bad keys, over a limit): they asked no instance for anything. */
  readonly skipped: number
  /** Its times are too great for seconds, so they were taken for milliseconds. */
  readonly inMilliseconds: boolean
}

/** So many bad lines are let pass, and a tenth of the others. */
const FORGIVEN = 20

/**
 * @param path For messages too.
 * @throws StrataError `not_found`, `unreadable` or `invalid`.
 */
export async function readTrace(path: string, source: AsyncIterable<Uint8Array> = createReadStream(path)): Promise<Trace> {
  try {
    return await parseTrace(readLines(plainText(source, path)), path)
  } catch (error) {
    if (error instanceof StrataError) throw error
    const code = systemCode(error)
    if (code === 'ENOENT') throw new StrataError('not_found', `There is no file ${path}.`, { advice: 'Is the path right?' })
    if (code !== undefined) throw new StrataError('unreadable', `${path} cannot be read (${code}).`, { cause: error })
    throw error
  }
}

/** @param name Of the file, for messages. */
export async function parseTrace(lines: AsyncIterable<string>, name: string): Promise<Trace> {
  const rows: Row[] = []
  /** The line of each row. */
  const places: number[] = []
  const bad: BadLine[] = []
  let reader: Reader | undefined
  let kind: Time['kind'] | undefined
  let line = 0
  let skipped = 0
  for await (const raw of lines) {
    line += 1
    const text = (line === 1 ? raw.replace(/^\uFEFF/, '') : raw).trim()
    if (text === '') continue
    if (reader === undefined) {
      reader = readerFor(text, name, line)
      if (reader.isHeading) continue
    }
    const read = ofOneKind(reader.read(text), kind)
    if (read === null) continue
    if (read === undefined) skipped += 1
    else if (typeof read === 'string') {
      bad.push({ line, problem: read })
      if (bad.length > FORGIVEN + rows.length / 10) throw tooManyBad(name, bad, rows.length)
    } else {
      kind = read.kind
      rows.push(read.row)
      places.push(line)
    }
  }
  if (rows.length === 0)
    throw new StrataError('invalid', `${name} holds no request${bad[0] ? ` (line ${bad[0].line}: ${bad[0].problem})` : ''}.`, {
      advice: FORMATS,
    })
  const isMilliseconds = kind === 'seconds' && inMilliseconds(rows, places, name)
  const timed = isMilliseconds ? rows.map(([at, tokensIn, tokensOut]): Row => [at / 1000, tokensIn, tokensOut]) : rows
  refuseLongSpan(timed, places, name)
  return { format: reader!.format, requests: requestsOf(timed), bad, skipped, inMilliseconds: isMilliseconds }
}

/** A date and a number in one trace would be half a century apart. */
function ofOneKind(read: Reading, kind: Time['kind'] | undefined): Reading {
  if (typeof read !== 'object' || read === null || kind === undefined || read.kind === kind) return read
  return read.kind === 'date' ? 'a date, where the lines before have numbers' : 'a number, where the lines before have dates'
}

const FORMATS =
  'A trace is CSV with the columns time,tokensIn,tokensOut or TIMESTAMP,ContextTokens,GeneratedTokens; JSON lines with time, tokensIn, tokensOut or timestamp, input_length, output_length; or request records of Strata.'

function tooManyBad(name: string, bad: readonly BadLine[], good: number): StrataError {
  const shown = bad.slice(0, 3).map(({ line, problem }) => `line ${line}: ${problem}`)
  return new StrataError('invalid', `${name}: ${bad.length} lines are none of a trace, ${good} are (${shown.join('; ')}; …).`, {
    advice: FORMATS,
  })
}

interface Timed {
  readonly kind: Time['kind']
  readonly row: Row
}

/** A request; undefined for one that reached no instance; null where the line is of no request that has ended; or what is wrong with it. */
type Reading = Timed | undefined | null | string

interface Reader {
  readonly format: Format
  /** The line that told the format is the names of columns. */
  readonly isHeading: boolean
  read(text: string): Reading
}

function readerFor(first: string, name: string, line: number): Reader {
  if (first.startsWith('{')) return jsonReader(first)
  const columns = cellsOf(first).map((column) => column.trim().toLowerCase())
  const places = (...names: string[]) => names.map((column) => columns.indexOf(column))
  for (const [format, names] of [
    ['azure', places('timestamp', 'contexttokens', 'generatedtokens')],
    ['csv', places('time', 'tokensin', 'tokensout')],
  ] as const)
    if (names.every((place) => place !== -1)) return csvReader(format, names as [number, number, number])
  throw new StrataError(
    'invalid',
    `${name}, line ${line}: "${first.slice(0, 60)}" is neither JSON nor a line of column names that is known.`,
    {
      advice: FORMATS,
    },
  )
}

function csvReader(format: Format, [time, tokensIn, tokensOut]: readonly [number, number, number]): Reader {
  return {
    format,
    isHeading: true,
    read(text) {
      const cells = cellsOf(text)
      return timed(cells[time]?.trim(), 1000, cells[tokensIn]?.trim(), cells[tokensOut]?.trim())
    },
  }
}

function jsonReader(first: string): Reader {
  const format: Format = /"input_length"/.test(first)
    ? 'mooncake'
    : /"type"\s*:\s*"(started|progress|finished|feedback)"/.test(first)
      ? 'records'
      : 'jsonl'
  return {
    format,
    isHeading: false,
    read(text) {
      let object: Record<string, unknown>
      try {
        object = JSON.parse(text) as Record<string, unknown>
      } catch {
        return 'not JSON'
      }
      if (typeof object !== 'object' || object === null) return 'not a JSON object'
      if (format === 'records') return recordRow(object)
      return format === 'mooncake'
        ? timed(object.timestamp, 1, object.input_length, object.output_length)
        : timed(object.time, 1000, object.tokensIn, object.tokensOut)
    },
  }
}

/** Records are written at the end of a request; it came `times.total` before. */
function recordRow({ type, time, tokens, times }: Record<string, unknown>): Reading {
  if (type !== 'finished') return type === 'started' || type === 'progress' || type === 'feedback' ? null : 'not a request record'
  const counts = tokens as { in?: unknown; out?: unknown } | undefined
  if (counts === undefined) return undefined
  const took = Number((times as { total?: unknown } | undefined)?.total)
  return timed(time, 1, counts.in, counts.out, Number.isFinite(took) ? took : 0)
}

function timed(time: unknown, unitMs: 1 | 1000, tokensIn: unknown, tokensOut: unknown, tookMs = 0): Timed | string {
  const end = timeOf(time, unitMs)
  if (typeof end === 'string') return end
  const [read, written] = [countOf(tokensIn), countOf(tokensOut)]
  if (!(read >= 0 && read < 2 ** 31)) return 'no number of prompt tokens'
  if (!(written >= 0 && written < 2 ** 31)) return 'no number of answer tokens'
  return { kind: end.kind, row: [end.ms - tookMs, read, written] }
}

/** Of a number or a text of one; JSON's null, true and [] are none. */
const countOf = (value: unknown): number =>
  typeof value === 'number' || (typeof value === 'string' && value !== '') ? Number(value) : Number.NaN
