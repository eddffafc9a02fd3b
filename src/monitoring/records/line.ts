/**
 * A request record as one line of JSON. One at least is written for every request, so they are put together by hand: what JSON.stringify
 * spends on looking for fields and escapes is more than all the rest of the record's way. The test holds it to JSON.stringify's own result.
 */
import { digits } from '../../kernel/digits.ts'
import type { Attempt, FeedbackRecord, FinishedRecord, ProgressRecord, StartedRecord } from '../request-records.ts'

type Origin = 'gateway' | 'boot' | 'seq' | 'time'
/** Records as the request path makes them; the writer adds where they come from. */
export type NewStarted = Omit<StartedRecord, Origin>
export type NewProgress = Omit<ProgressRecord, Origin>
export type NewFinished = Omit<FinishedRecord, Origin>
export type NewFeedback = Omit<FeedbackRecord, Origin>
export type NewRecord = NewStarted | NewProgress | NewFinished | NewFeedback

/** `origin`: the fields that the writer adds, as JSON without braces. */
export function recordLine(origin: string, record: NewRecord): string {
  switch (record.type) {
    case 'finished':
      return finishedLine(origin, record)
    case 'started':
      return startedLine(origin, record)
    case 'progress':
      return progressLine(origin, record)
    case 'feedback':
      return feedbackLine(origin, record)
  }
}

function startedLine(origin: string, record: NewStarted): string {
  return (
    `{${origin},"type":"started","id":${quoted(record.id)},"after":${num(record.after)}${OPERATION(record.operation)}` +
    `${CONSUMER(record.consumer)}${KEY(record.key)}${NAMESPACE(record.namespace)}${ROUTE(record.route)}` +
    `,"routeGeneration":${digits(record.routeGeneration)},"model":${quoted(record.model)}${ASSIGNED(record.assigned)}` +
    `,"pinned":${record.pinned}${plain('preview', record.preview)},"assignments":${JSON.stringify(record.assignments)},"stream":${record.stream}` +
    `${plain('bytes', record.bytes)}${text('clientRequestId', record.clientRequestId)}}\n`
  )
}

function progressLine(origin: string, record: NewProgress): string {
  return (
    `{${origin},"type":"progress","id":${quoted(record.id)},"after":${num(record.after)}${NAMESPACE(record.namespace)}` +
    `${ROUTE(record.route)}${ASSIGNED(record.assigned)},"assignments":${JSON.stringify(record.assignments)}` +
    `,"firstToken":${num(record.firstToken)}}\n`
  )
}

function finishedLine(origin: string, record: NewFinished): string {
  const { tokens, times, cost, prompt } = record
  return (
    `{${origin},"type":"finished","id":${quoted(record.id)}${OPERATION(record.operation)}${CONSUMER(record.consumer)}` +
    `${KEY(record.key)}${NAMESPACE(record.namespace)}${ROUTE(record.route)}` +
    `${plain('routeGeneration', record.routeGeneration)}${text('model', record.model)}${ASSIGNED(record.assigned)}` +
    `${plain('pinned', record.pinned)}${plain('preview', record.preview)}${json('assignments', record.assignments)}${SERVED(record.served)}` +
    `${INSTANCE(record.instance)}${plain('stream', record.stream)}${plain('bytes', record.bytes)},"attempts":${attemptsText(record.attempts)}` +
    `${OUTCOME(record.outcome)},"status":${digits(record.status)}${ERROR(record.error)}${LIMIT(record.limit)}` +
    `${tokens === undefined ? '' : `,"tokens":{"in":${num(tokens.in)},"cached":${num(tokens.cached)},"out":${num(tokens.out)}}`}` +
    `,"times":{"total":${num(times.total)}${plain('auth', times.auth)}${plain('limits', times.limits)}${plain('queue', times.queue)}` +
    `${plain('firstToken', times.firstToken)}${plain('betweenTokens', times.betweenTokens)}}` +
    `${json('cost', cost)}${plain('cold', record.cold)}${plain('simulated', record.simulated)}` +
    `${text('clientRequestId', record.clientRequestId)}${json('prompt', prompt)}}\n`
  )
}

function feedbackLine(origin: string, record: NewFeedback): string {
  return (
    `{${origin},"type":"feedback","id":${quoted(record.id)}${CONSUMER(record.consumer)}${KEY(record.key)}${NAMESPACE(record.namespace)}` +
    `,"request":${quoted(record.request)},"score":${num(record.score)}${text('rated', record.rated)}${json('comment', record.comment)}}\n`
  )
}

function attemptsText(attempts: readonly Attempt[]): string {
  let out = '['
  for (const { version, instance, error, status, from, to } of attempts) {
    if (out.length > 1) out += ','
    out += `{${VERSION(version)}${INSTANCE(instance)}${ERROR(error)}${plain('status', status)},"from":${num(from)},"to":${num(to)}}`
  }
  return `${out}]`
}

/** A field whose values come again and again: names of resources, and words of our own. */
function familiar(name: string, before = ','): (value: string | undefined) => string {
  const known = new Map<string, string>()
  return (value) => {
    if (value === undefined) return ''
    let field = known.get(value)
    if (field === undefined) {
      field = `${before}"${name}":${quoted(value)}`
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(value, field)
    }
    return field
  }
}

const MOST_KNOWN = 1_000
const OPERATION = familiar('operation')
const CONSUMER = familiar('consumer')
const KEY = familiar('key')
const NAMESPACE = familiar('namespace')
const ROUTE = familiar('route')
const ASSIGNED = familiar('assigned')
const SERVED = familiar('served')
const INSTANCE = familiar('instance')
const OUTCOME = familiar('outcome')
const ERROR = familiar('error')
const LIMIT = familiar('limit')
const VERSION = familiar('version', '')

const NEEDS_ESCAPE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/

function quoted(value: string): string {
  return NEEDS_ESCAPE.test(value) ? JSON.stringify(value) : `"${value}"`
}

function text(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quoted(value)}`
}

function plain(name: string, value: number | boolean | undefined): string {
  return value === undefined ? '' : `,"${name}":${typeof value === 'number' ? num(value) : value}`
}

function json(name: string, value: object | undefined): string {
  return value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`
}

/** JSON has no word for what is not a number. */
function num(value: number): string {
  return Number.isFinite(value) ? digits(value) : 'null'
}
