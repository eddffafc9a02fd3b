/**
 * A request record as one line of JSON. One at least is written for every request, so they are put together by hand: what JSON.stringify
 * spends on looking for fields and escapes is more than all the rest of the record's way. The test holds it to JSON.stringify's own result.
 */
import type { Attempt, FinishedRecord, StartedRecord } from '../request-records.ts'

type Origin = 'gateway' | 'boot' | 'seq' | 'time'
/** Records as the request path makes them; the writer adds where they come from. */
export type NewStarted = Omit<StartedRecord, Origin>
export type NewFinished = Omit<FinishedRecord, Origin>
export type NewRecord = NewStarted | NewFinished

/** `origin`: the fields that the writer adds, as JSON without braces. */
export function recordLine(origin: string, record: NewRecord): string {
  return record.type === 'started' ? startedLine(origin, record) : finishedLine(origin, record)
}

function startedLine(origin: string, record: NewStarted): string {
  return (
    `{${origin},"type":"started","id":${quoted(record.id)},"after":${num(record.after)},"operation":"${record.operation}","consumer":${quoted(record.consumer)}` +
    `,"key":${quoted(record.key)},"namespace":${quoted(record.namespace)},"route":${quoted(record.route)}` +
    `,"routeGeneration":${record.routeGeneration},"model":${quoted(record.model)},"assigned":${quoted(record.assigned)}` +
    `,"pinned":${record.pinned},"assignments":${JSON.stringify(record.assignments)},"stream":${record.stream}` +
    `${text('clientRequestId', record.clientRequestId)}}\n`
  )
}

function finishedLine(origin: string, record: NewFinished): string {
  const { tokens, times, cost, prompt } = record
  return (
    `{${origin},"type":"finished","id":${quoted(record.id)}${text('operation', record.operation)}${text('consumer', record.consumer)}` +
    `${text('key', record.key)}${text('namespace', record.namespace)}${text('route', record.route)}` +
    `${plain('routeGeneration', record.routeGeneration)}${text('model', record.model)}${text('assigned', record.assigned)}` +
    `${plain('pinned', record.pinned)}${json('assignments', record.assignments)}${text('served', record.served)}${text('instance', record.instance)}` +
    `${plain('stream', record.stream)},"attempts":${attemptsText(record.attempts)},"outcome":"${record.outcome}"` +
    `,"status":${record.status}${text('error', record.error)}${text('limit', record.limit)}` +
    `${tokens === undefined ? '' : `,"tokens":{"in":${num(tokens.in)},"cached":${num(tokens.cached)},"out":${num(tokens.out)}}`}` +
    `,"times":{"total":${num(times.total)}${plain('auth', times.auth)}${plain('limits', times.limits)}${plain('queue', times.queue)}` +
    `${plain('firstToken', times.firstToken)}${plain('betweenTokens', times.betweenTokens)}}` +
    `${json('cost', cost)}${plain('cold', record.cold)}${plain('simulated', record.simulated)}` +
    `${text('clientRequestId', record.clientRequestId)}${json('prompt', prompt)}}\n`
  )
}

function attemptsText(attempts: readonly Attempt[]): string {
  let out = '['
  for (const { version, instance, error, status, from, to } of attempts) {
    if (out.length > 1) out += ','
    out += `{"version":${quoted(version)}${text('instance', instance)}${text('error', error)}${plain('status', status)},"from":${num(from)},"to":${num(to)}}`
  }
  return `${out}]`
}

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
function num(value: number): string | number {
  return Number.isFinite(value) ? value : 'null'
}
