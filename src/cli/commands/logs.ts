/** `strata logs`: request records as lines (from control, which reads the gateways' segments), or what a process has said (from its log file). */
import { existsSync } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InstanceLogs } from '../../control/api/instances.ts'
import { StrataError } from '../../kernel/errors.ts'
import { homeAt } from '../../kernel/home.ts'
import { readLines } from '../../kernel/json-lines.ts'
import type { FinishedRecord, RequestRecord } from '../../monitoring/request-records.ts'
import { connectControl } from '../control-client.ts'
import { shownName } from '../names.ts'
import { type Palette, palette } from '../terminal.ts'

export interface LogsFlags {
  readonly instance?: string
  readonly follow?: boolean
  readonly tail: string
  readonly namespace?: string
  readonly route?: string
  readonly version?: string
  readonly consumer?: string
  readonly outcome?: string
  readonly model?: string
  readonly key?: string
  readonly assigned?: string
  readonly served?: string
  readonly status?: string
  readonly limit?: string
  readonly slowerThan?: string
  readonly id?: string
  readonly since?: string
  readonly until?: string
  readonly output?: string
}

/** Flags by the names that the API has for them. */
const FILTERS = {
  ...{
    namespace: 'namespace',
    route: 'route',
    version: 'version',
    consumer: 'consumer',
    outcome: 'outcome',
    model: 'model',
    key: 'key',
    assigned: 'assigned',
  },
  ...{ served: 'served', status: 'status', limit: 'refusedBy', slowerThan: 'slowerThan', id: 'id', since: 'since', until: 'to' },
} as const

export async function logs(process_: string | undefined, flags: LogsFlags): Promise<void> {
  const tail = Number(flags.tail)
  if (!Number.isInteger(tail) || tail < 0) throw new StrataError('usage', `--tail ${flags.tail} is not a number of lines.`)
  if (flags.instance !== undefined) await instanceLogs(flags.instance, process_, flags.follow ?? false, tail)
  else if (process_ === undefined) await requestLogs(flags, tail)
  else await processLogs(process_, flags.follow ?? false, tail)
}

async function instanceLogs(id: string, process_: string | undefined, follow: boolean, tail: number): Promise<void> {
  if (process_ !== undefined) throw new StrataError('usage', `Name an instance (--instance ${id}) or a process (${process_}), not both.`)
  if (follow)
    throw new StrataError('usage', 'What an instance prints cannot be followed here.', {
      advice: `Of a process: \`strata logs engine-${id} -f\`; of a container: \`docker logs -f\`.`,
    })
  if (tail === 0) return
  const { lines } = await connectControl().call<InstanceLogs>('GET', `/instances/${encodeURIComponent(id)}/logs?lines=${tail}`)
  for (const line of lines) console.log(line)
}

async function requestLogs(flags: LogsFlags, tail: number): Promise<void> {
  const query = new URLSearchParams({ type: 'finished', limit: String(tail), ...(flags.follow ? { follow: 'true' } : {}) })
  for (const [flag, name] of Object.entries(FILTERS)) {
    const value = flags[flag as keyof typeof FILTERS]
    if (value) query.set(name, value)
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const colour = palette()
  try {
    const body = await connectControl().stream(`/requests?${query}`, stop.signal)
    for await (const line of readLines(body)) {
      if (!line) continue
      const record = JSON.parse(line) as RequestRecord | { type: 'alive' }
      if (record.type !== 'finished') continue // a sign of life
      console.log(flags.output === 'json' ? line : formatRecord(record, colour))
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
}

/** "12:03:04.123  ok  200  assistant-v1  310 ms (first token 42 ms)  12+64 tokens  default  01J…" */
export function formatRecord(record: FinishedRecord, colour: Palette): string {
  const { times, tokens } = record
  const good = record.outcome === 'ok'
  const paint = good ? colour.green : record.outcome === 'aborted' || record.outcome === 'limited' ? colour.yellow : colour.red
  const took = `${Math.round(times.total)} ms${times.firstToken === undefined ? '' : ` (first token ${Math.round(times.firstToken)} ms)`}`
  const where = record.served ?? record.assigned ?? record.route
  return [
    record.time.slice(11, 23),
    paint(record.outcome.padEnd(14)),
    String(record.status),
    (where === undefined ? '–' : shownName(record.namespace, where)).padEnd(20),
    took.padEnd(30),
    (tokens ? `${tokens.in}+${tokens.out} tokens` : '').padEnd(16),
    (record.consumer ?? '–').padEnd(12),
    record.id,
    record.error ?? '',
  ]
    .join('  ')
    .trimEnd()
}

async function processLogs(name: string, follow: boolean, tail: number): Promise<void> {
  const home = homeAt()
  const path = join(home.logs, `${name}.log`)
  if (!/^[\w.-]+$/.test(name) || !existsSync(path)) {
    const names = (await readdir(home.logs).catch(() => [])).filter((file) => file.endsWith('.log')).map((file) => file.slice(0, -4))
    throw new StrataError('not_found', `There is no log of "${name}".`, {
      advice: names.length > 0 ? `There are: ${names.join(', ')}. Without a name: the requests.` : 'Strata has never run here.',
    })
  }
  let offset = await printTail(path, tail)
  if (!follow) return
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  while (!stop.signal.aborted) {
    const { size } = await stat(path)
    if (size < offset) offset = 0 // a new file in its place
    if (size > offset) offset = await printFrom(path, offset)
    else await sleep(250, undefined, { signal: stop.signal }).catch(() => undefined) // woken by Ctrl-C: the loop ends
  }
}

/** Prints the last `lines` lines; returns where the file ends. */
async function printTail(path: string, lines: number): Promise<number> {
  const CHUNK = 65_536
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    let text = Buffer.alloc(0)
    let from = size
    while (from > 0 && count(text) <= lines) {
      const length = Math.min(CHUNK, from)
      from -= length
      const chunk = Buffer.alloc(length)
      await file.read(chunk, 0, length, from)
      text = Buffer.concat([chunk, text])
    }
    const all = text.toString('utf8').split('\n')
    const last = all.at(-1) === '' ? all.slice(0, -1) : all
    const shown = lines === 0 ? [] : last.slice(-lines)
    if (shown.length > 0) process.stdout.write(`${shown.join('\n')}\n`)
    return size
  } finally {
    await file.close()
  }
}

const count = (text: Buffer) => text.reduce((n, byte) => (byte === 10 ? n + 1 : n), 0)

async function printFrom(path: string, offset: number): Promise<number> {
  const file = await open(path, 'r')
  try {
    let at = offset
    for await (const chunk of file.createReadStream({ start: offset, autoClose: false })) {
      process.stdout.write(chunk as Buffer)
      at += (chunk as Buffer).length
    }
    return at
  } finally {
    await file.close()
  }
}
