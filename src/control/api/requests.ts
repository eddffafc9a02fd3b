/**
 * Requests as their records tell of them: as lines for programs (`GET /requests`), a page at a time, as a live tail in batches for browsers, and
 * one by itself. Prompts and comments, where they are recorded at all, are for admins who look at one of them; nothing else carries them.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { ControlContext } from '../context.ts'
import { mayAct } from '../identify.ts'
import { type Cursor, readCursor, writeCursor } from '../records/history.ts'
import { readRecordFilter } from '../records/record-filter.ts'
import { openStream } from './streams.ts'

type Query = Readonly<Record<string, string | undefined>>

const MOST_LINES = 10_000
const PAGE = 100
const MOST_A_PAGE = 1_000
/** A tail is for eyes: what comes faster than this is counted, not shown. */
const TAIL_MS = 200
const TAIL_MOST = 400
const MOST_HELD = 50_000

export interface TailBatch {
  /** Oldest first. */
  readonly records: readonly RequestRecord[]
  /** That came in this time beside those, and are in the history. */
  readonly skipped: number
}

export interface RequestsPage {
  /** Newest first. */
  readonly items: readonly RequestRecord[]
  /** Asks for the next page, as `cursor`; absent when there is nothing older. */
  readonly next?: string
  /** Everything since then has been looked at, ISO 8601. */
  readonly reached?: string
}

/** One request, whole; or feedback, where the id is its own. */
export interface RequestDetail {
  readonly started?: RequestRecord
  readonly finished?: RequestRecord
  readonly feedback?: RequestRecord
  /** Whether prompts are recorded, and whether whoever asks may read them. */
  readonly prompts: { readonly recorded: boolean; readonly readable: boolean }
}

function readLimit(text: string | undefined, unsaid: number): number {
  if (text === undefined) return unsaid
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new StrataError('invalid_request', `\`limit\`: ${JSON.stringify(text.slice(0, 80))} is not a number of records.`)
}

export function registerRequests(api: FastifyInstance, context: ControlContext): void {
  const { records, clock } = context

  api.get('/requests', async (request, reply) => {
    const query = request.query as Query
    const filter = readRecordFilter(query, clock.now())
    const limit = Math.min(MOST_LINES, readLimit(query.limit, 100))
    const follow = query.follow === 'true'
    const stream = openStream(
      request,
      reply,
      context.closing,
      follow ? () => ({ type: 'alive', time: new Date(clock.now()).toISOString() }) : undefined,
    )
    // Heard from before the disk is read, so that nothing falls between the two.
    const held: RequestRecord[] = []
    let deliver = (record: RequestRecord): void => void (held.length < MOST_HELD && held.push(record))
    if (follow) {
      const stop = records.subscribe((record) => {
        if (filter.matches(record)) deliver(record)
      })
      stream.closed.addEventListener('abort', stop)
    }
    const found: RequestRecord[] = []
    let cursor: Cursor | undefined
    do {
      const page = await records.history({ filter, limit: limit - found.length, cursor })
      found.push(...page.items)
      cursor = page.next
    } while (cursor && found.length < limit && !stream.closed.aborted)
    const sent = new Set(found.map(identityOf))
    for (const record of found.reverse()) stream.send(withoutPrompt(record))
    for (const record of held) if (!sent.has(identityOf(record))) stream.send(withoutPrompt(record))
    deliver = (record) => stream.send(withoutPrompt(record))
    if (!follow) reply.raw.end()
    return reply
  })

  api.get('/requests/history', async (request): Promise<RequestsPage> => {
    const query = request.query as Query
    const filter = readRecordFilter({ type: 'finished', ...query }, clock.now())
    const limit = Math.min(MOST_A_PAGE, Math.max(1, readLimit(query.limit, PAGE)))
    const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor)
    const { items, next, reached } = await records.history({ filter, limit, cursor })
    return {
      items: items.map(withoutPrompt),
      ...(next ? { next: writeCursor(next) } : {}),
      ...(reached === undefined ? {} : { reached: new Date(reached).toISOString() }),
    }
  })

  api.get('/requests/tail', (request, reply) => {
    const filter = readRecordFilter({ type: 'finished', ...(request.query as Query) }, clock.now())
    const stream = openStream(request, reply, context.closing, () => ({ records: [], skipped: 0 }))
    let batch: RequestRecord[] = []
    let skipped = 0
    const send = () => {
      if (batch.length === 0 && skipped === 0) return
      stream.send({ records: batch.map(withoutPrompt), skipped } satisfies TailBatch)
      batch = []
      skipped = 0
    }
    const stop = records.subscribe((record) => {
      if (!filter.matches(record)) return
      if (batch.length < TAIL_MOST) batch.push(record)
      else skipped += 1
    })
    const timer = setInterval(send, TAIL_MS)
    // Whoever asks for the history now misses nothing.
    stream.send({ records: [], skipped: 0 } satisfies TailBatch)
    stream.closed.addEventListener('abort', () => {
      stop()
      clearInterval(timer)
    })
    return reply
  })

  api.get('/requests/:id', async (request): Promise<RequestDetail> => {
    const { id } = request.params as { id: string }
    const found = await records.find(id)
    if (found.length === 0)
      throw new StrataError('not_found', `There is no record of a request ${JSON.stringify(id.slice(0, 80))}.`, {
        advice: "Records are kept until their folder holds 1 GiB a gateway; the client's own x-request-id is found by the list's filter.",
      })
    const readable = mayReadPrompts(request)
    const shown = (record: RequestRecord | undefined) => record && (readable ? record : withoutPrompt(record))
    return {
      started: shown(found.find(({ type }) => type === 'started')),
      finished: shown(found.find(({ type }) => type === 'finished')),
      feedback: shown(found.find(({ type }) => type === 'feedback')),
      prompts: { recorded: context.recordPrompts !== undefined, readable },
    }
  })
}

function mayReadPrompts(request: FastifyRequest): boolean {
  return mayAct(request.caller.role, 'admin')
}

/** Nor what somebody wrote of the answer. */
function withoutPrompt(record: RequestRecord): RequestRecord {
  if (record.type === 'feedback' && record.comment) return { ...record, comment: { bytes: record.comment.bytes } }
  if (record.type !== 'finished' || record.prompt === undefined) return record
  const { prompt: _prompt, ...rest } = record
  return rest
}

function identityOf({ gateway, boot, seq }: RequestRecord): string {
  return `${gateway}/${boot}/${seq}`
}
