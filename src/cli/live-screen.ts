/**
 * The whole terminal, drawn anew every second until q: on the alternate screen, so that what stood there comes back. Control may go and come back
 * meanwhile: what was known stays, and it is said. A thing that is no longer there, or may not be seen any more, ends it.
 */
import { messageOf, StrataError } from '../kernel/errors.ts'
import { type Line, renderLine } from './lines.ts'
import { palette } from './terminal.ts'

const EVERY_MS = 1_000
/** Alternate screen, no cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const FINAL = new Set(['not_found', 'forbidden', 'unauthorized', 'unauthenticated'])

export interface LiveView<Seen> {
  look(signal: AbortSignal): Promise<Seen>
  /** `away`: why nothing newer is known. */
  lines(seen: Seen, size: { readonly columns: number; readonly rows: number }, away: string | undefined): readonly Line[]
  /** Nothing more will happen: the screen is left by itself. */
  isOver?(seen: Seen): boolean
}

export function canBeLive(): boolean {
  return process.stdout.isTTY === true && process.env.TERM !== 'dumb'
}

/** What was seen last, and whether a person left before it was over. */
export async function showLive<Seen>(first: Seen, view: LiveView<Seen>): Promise<{ readonly last: Seen; readonly left: boolean }> {
  const { stdin, stdout } = process
  const colour = palette()
  const stop = new AbortController()
  let seen = first
  let away: string | undefined
  const draw = () => {
    const columns = stdout.columns ?? 80
    const rows = stdout.rows ?? 24
    const body = view
      .lines(seen, { columns, rows: rows - 2 }, away)
      .map((line) => `${renderLine(line, columns, colour)}\x1b[K\r\n`)
      .join('')
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
    while (!stop.signal.aborted && !view.isOver?.(seen)) {
      draw()
      await pause(EVERY_MS, stop.signal)
      if (stop.signal.aborted) break
      try {
        seen = await view.look(stop.signal)
        away = undefined
      } catch (error) {
        if (stop.signal.aborted) break
        if (error instanceof StrataError && FINAL.has(error.code)) throw error
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
  return { last: seen, left: stop.signal.aborted }
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', over)
      done()
    }
    const timer = setTimeout(over, ms)
    signal?.addEventListener('abort', over)
  })
}
