/**
 * Which records somebody asks for. The console's chips, `strata logs` and the API speak of requests with the same words; all that are given
 * must hold. Pure.
 */
import { StrataError } from '../../kernel/errors.ts'
import { parseDuration } from '../../kernel/units.ts'
import { OUTCOMES, type RequestRecord } from '../../monitoring/request-records.ts'

export interface RecordFilter {
  readonly matches: (record: RequestRecord) => boolean
  /** Texts that stand in the line of every record that matches: lines without them need not be parsed. */
  readonly needles: readonly string[]
  /** Milliseconds since the epoch, both ends included. */
  readonly from?: number
  readonly to?: number
}

/** Fields that must be equal. */
const EQUAL = ['type', 'namespace', 'route', 'model', 'consumer', 'key', 'assigned', 'served', 'instance', 'error'] as const

const CHOICES: readonly string[] = ['failed', ...OUTCOMES]

/** Names of all parameters that make up a filter. */
export const FILTER_PARAMETERS = [...EQUAL, 'id', 'version', 'outcome', 'status', 'refusedBy', 'slowerThan', 'since', 'from', 'to'] as const

/**
 * `type`: without one, `started` and `finished`; `progress` is for analyses, `feedback` is no request. `id`: a part of Strata's or the client's
 * request id; of feedback, of the request's that it is about too. `version`: assigned or served. `outcome`: one or several with commas; "failed"
 * is all but ok. `status`: 429, 4xx or several. `refusedBy`: the limit. `slowerThan`, `since`: durations. `from`, `to`: RFC 3339, or milliseconds.
 */
export function readRecordFilter(query: Readonly<Record<string, string | undefined>>, now: number): RecordFilter {
  const tests: ((record: RequestRecord) => boolean)[] = []
  const needles: string[] = []
  for (const name of EQUAL) {
    const wanted = query[name]
    if (wanted === undefined) continue
    tests.push((record) => (record as unknown as Record<string, unknown>)[name] === wanted)
    needles.push(`"${name}":${JSON.stringify(wanted)}`)
  }
  if (query.type === undefined) tests.push(({ type }) => type === 'started' || type === 'finished')
  const { id, version, outcome, status, refusedBy, slowerThan } = query
  if (id !== undefined) {
    tests.push((record) => record.id.includes(id) || (otherIdOf(record)?.includes(id) ?? false))
    needles.push(JSON.stringify(id).slice(1, -1))
  }
  if (version !== undefined) {
    tests.push(
      (record) => record.type !== 'feedback' && (record.assigned === version || (record.type === 'finished' && record.served === version)),
    )
    needles.push(JSON.stringify(version))
  }
  if (outcome !== undefined) {
    const wanted = new Set(outcome.split(','))
    const unknown = [...wanted].find((each) => !CHOICES.includes(each))
    if (unknown !== undefined) throw refused('outcome', unknown, `one of ${CHOICES.join(', ')}`)
    tests.push((record) => record.type === 'finished' && (wanted.has(record.outcome) || (record.outcome !== 'ok' && wanted.has('failed'))))
    if (wanted.size === 1 && !wanted.has('failed')) needles.push(`"outcome":${JSON.stringify(outcome)}`)
  }
  if (status !== undefined) {
    const wanted = status.split(',').map(readStatus)
    tests.push((record) => record.type === 'finished' && wanted.some(([least, most]) => record.status >= least && record.status <= most))
  }
  if (refusedBy !== undefined) {
    tests.push((record) => record.type === 'finished' && record.limit === refusedBy)
    needles.push(`"limit":${JSON.stringify(refusedBy)}`)
  }
  if (slowerThan !== undefined) {
    const least = parseDuration(slowerThan)
    if (least === undefined) throw refused('slowerThan', slowerThan, 'a duration, as 800ms or 2s')
    tests.push((record) => record.type === 'finished' && record.times.total >= least)
  }
  const from = readFrom(query, now)
  const to = query.to === undefined ? undefined : readTime('to', query.to)
  return { matches: (record) => tests.every((test) => test(record)), needles, from, to }
}

/** What a record is called by beside its own id. */
function otherIdOf(record: RequestRecord): string | undefined {
  switch (record.type) {
    case 'started':
    case 'finished':
      return record.clientRequestId
    case 'feedback':
      return record.request
    case 'progress':
      return undefined
  }
}

function readStatus(text: string): readonly [number, number] {
  if (/^[1-5]xx$/.test(text)) return [Number(text[0]) * 100, Number(text[0]) * 100 + 99]
  if (/^[1-5]\d\d$/.test(text)) return [Number(text), Number(text)]
  throw refused('status', text, 'a status, as 429 or 5xx')
}

function readFrom(query: Readonly<Record<string, string | undefined>>, now: number): number | undefined {
  if (query.from !== undefined) return readTime('from', query.from)
  if (query.since === undefined) return undefined
  const back = parseDuration(query.since)
  return back === undefined ? readTime('since', query.since) : now - back
}

function readTime(name: string, text: string): number {
  const time = /^\d{11,15}$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw refused(name, text, name === 'since' ? 'a duration or a time (RFC 3339)' : 'a time (RFC 3339)')
  return time
}

const refused = (name: string, text: string, expected: string) =>
  new StrataError('invalid_request', `\`${name}\`: ${JSON.stringify(text.slice(0, 80))} is not ${expected}.`)
