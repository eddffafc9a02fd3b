/**
 * Reads requests to replay, line by line: Azure's LLM inference traces (CSV), Mooncake's (JSONL), a plain CSV or JSONL of time, tokensIn and
 * tokensOut, and Strata's own request records (NDJSON, `finished` ones).
 *
 * Lines that cannot be read are told with their numbers and left out, up to a bound: a trace of another format shall not pass for an empty one.
 */
import { createReadStream } from 'node:fs'
import { StrataError, systemCode } from '../../kernel/errors.ts'
import { readLines } from '../../kernel/json-lines.ts'
import { type Requests, type Row, requestsOf } from './requests.ts'

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
}

/** So many bad lines are let pass, and a tenth of the others. */
const FORGIVEN = 20

/** @throws StrataError `not_found`, `unreadable` or `invalid`. */
export async function readTrace(path: string): Promise<Trace> {
  try {
    return await parseTrace(readLines(createReadStream(path)), path)
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
  const bad: BadLine[] = []
  let reader: Reader | undefined
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
    const row = reader.read(text)
    if (typeof row === 'string') {
      bad.push({ line, problem: row })
      if (bad.length > FORGIVEN + rows.length / 10) throw tooManyBad(name, bad, rows.length)
    } else if (row === undefined) skipped += 1
    else rows.push(row)
  }
  if (rows.length === 0)
    throw new StrataError('invalid', `${name} holds no request${bad[0] ? ` (line ${bad[0].line}: ${bad[0].problem})` : ''}.`, {
      advice: FORMATS,
    })
  return { format: reader!.format, requests: requestsOf(rows), bad, skipped }
}

const FORMATS =
  'A trace is CSV with the columns time,tokensIn,tokensOut or TIMESTAMP,ContextTokens,GeneratedTokens; JSON lines with time, tokensIn, tokensOut or timestamp, input_length, output_length; or request records of Strata.'

function tooManyBad(name: string, bad: readonly BadLine[], good: number): StrataError {
  const shown = bad.slice(0, 3).map(({ line, problem }) => `line ${line}: ${problem}`)
  return new StrataError('invalid', `${name}: ${bad.length} lines are none of a trace, ${good} are (${shown.join('; ')}; …).`, {
    advice: FORMATS,
  })
}

interface Reader {
  readonly format: Format
  /** The line that told the format is the names of columns. */
  readonly isHeading: boolean
  /** A row, nothing where the line is no request to an instance, or what is wrong with it. */
  read(text: string): Row | string | undefined
}

function readerFor(first: string, name: string, line: number): Reader {
  if (first.startsWith('{')) return jsonReader(first)
  const columns = first.split(',').map((column) => column.trim().toLowerCase())
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
      const cells = text.split(',')
      return row(
        timeOf(cells[time]?.trim() ?? '', 1000),
        Number(cells[tokensIn]?.trim() || Number.NaN),
        Number(cells[tokensOut]?.trim() || Number.NaN),
      )
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
        ? row(timeOf(object.timestamp, 1), Number(object.input_length), Number(object.output_length))
        : row(timeOf(object.time, 1000), Number(object.tokensIn), Number(object.tokensOut))
    },
  }
}

/** Records are written at the end of a request; it came `times.total` before. */
function recordRow({ type, time, tokens, times }: Record<string, unknown>): Row | string | undefined {
  if (type !== 'finished') return type === 'started' || type === 'progress' || type === 'feedback' ? undefined : 'not a request record'
  const counts = tokens as { in?: unknown; out?: unknown } | undefined
  if (counts === undefined) return undefined
  const took = Number((times as { total?: unknown } | undefined)?.total)
  return row(timeOf(time, 1) - (Number.isFinite(took) ? took : 0), Number(counts.in), Number(counts.out))
}

function row(at: number, tokensIn: number, tokensOut: number): Row | string {
  if (!Number.isFinite(at)) return 'no time'
  if (!(tokensIn >= 0 && tokensIn < 2 ** 31)) return 'no number of prompt tokens'
  if (!(tokensOut >= 0 && tokensOut < 2 ** 31)) return 'no number of answer tokens'
  return [at, tokensIn, tokensOut]
}

/** Milliseconds of a number (in `unitMs`) or a date; UTC where no zone is written. */
function timeOf(value: unknown, unitMs: number): number {
  if (typeof value === 'number') return value * unitMs
  if (typeof value !== 'string' || value === '') return Number.NaN
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * unitMs
  const date = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/.exec(value)
  return date ? Date.parse(`${date[1]}T${date[2]}${date[4] ?? 'Z'}`) + Number(date[3] ?? 0) * 1000 : Number.NaN
}
