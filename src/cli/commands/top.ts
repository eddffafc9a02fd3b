/**
 * `strata top`: the Overview in a terminal, anew every second until q. Control may go and come back meanwhile: what was known stays, and it
 * is said. Without a terminal, or with --once, one snapshot in plain lines.
 */
import type { TrafficEvent } from '../../control/records/traffic-event.ts'
import type { SystemStatus } from '../../control/status.ts'
import { messageOf } from '../../kernel/errors.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { listResources } from '../resource-access.ts'
import { palette } from '../terminal.ts'
import { renderLine } from '../top/lines.ts'
import { type Seen, screenLines } from '../top/screen.ts'

const EVERY_MS = 1_000
/** Alternate screen, no cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'

export async function top(flags: { once?: boolean }): Promise<void> {
  const client = connectControl()
  const first = await look(client)
  if (flags.once || !process.stdout.isTTY || process.env.TERM === 'dumb') {
    const colour = palette()
    const columns = process.stdout.columns ?? Number.POSITIVE_INFINITY
    for (const line of screenLines(first, { columns: Math.min(columns, 120) }, Date.now()))
      console.log(renderLine(line, columns, colour).trimEnd())
    return
  }
  await live(client, first)
}

async function look(client: ControlClient, signal?: AbortSignal): Promise<Seen> {
  const [status, traffic, routes] = await Promise.all([
    client.call<SystemStatus>('GET', '/status', undefined, signal),
    client.call<TrafficEvent>('GET', '/traffic', undefined, signal),
    listResources(client, 'Route', undefined),
  ])
  return { status, traffic, routes }
}

async function live(client: ControlClient, first: Seen): Promise<void> {
  const { stdin, stdout } = process
  const colour = palette()
  const stop = new AbortController()
  let seen = first
  let away: string | undefined
  const draw = () => {
    const columns = stdout.columns ?? 80
    const rows = stdout.rows ?? 24
    const lines = screenLines(seen, { columns, rows: rows - 2 }, Date.now(), away)
    const body = lines.map((line) => `${renderLine(line, columns, colour)}\x1b[K\r\n`).join('')
    stdout.write(`\x1b[H${body}\x1b[J\x1b[${rows};1H${renderLine([{ text: 'q quits', tone: 'dim' }], columns, colour)}\x1b[K`)
  }
  const leave = () => stop.abort()
  const key = (bytes: Buffer) => {
    // In raw mode Ctrl-C comes as a character.
    if (/[qQ\x03\x04]/.test(bytes.toString('latin1'))) leave()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, leave)
  stdout.on('resize', draw)
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    stdin.on('data', key)
    stdin.resume()
  }
  stdout.write(ENTER)
  try {
    while (!stop.signal.aborted) {
      draw()
      await pause(EVERY_MS, stop.signal)
      if (stop.signal.aborted) break
      try {
        seen = await look(client, stop.signal)
        away = undefined
      } catch (error) {
        if (stop.signal.aborted) break
        away = `reconnecting… ${messageOf(error)} What you see is from before.`
      }
    }
  } finally {
    stdout.write(LEAVE)
    stdout.off('resize', draw)
    for (const signal of signals) process.off(signal, leave)
    if (stdin.isTTY) {
      stdin.setRawMode(false)
      stdin.off('data', key)
      stdin.pause()
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      done()
    }
    const timer = setTimeout(over, ms)
    signal.addEventListener('abort', over)
  })
}
