/**
 * One JSON line a message on stderr, which the supervisor sends to the process' log file. Not for the request path.
 *
 * A disk that is full must not end a process that only wanted to say so: lines that find no place are lost, and the next one that does says
 * how many.
 */
import { writeSync } from 'node:fs'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export function createLog(process_: string, write: (line: string) => void = linesTo(2)): Log {
  const configured = process.env.STRATA_LOG_LEVEL
  const least = ORDER[(configured && configured in ORDER ? configured : 'info') as LogLevel]
  const at = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (ORDER[level] < least) return
    write(`${JSON.stringify({ time: new Date().toISOString(), level, process: process_, message, ...fields })}\n`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Writes lines to a descriptor; never throws. */
export function linesTo(descriptor: number, write: (descriptor: number, text: string) => unknown = writeSync): (line: string) => void {
  let lost = 0
  return (line) => {
    try {
      // The last line that was tried may have been cut in the middle.
      const gap = { time: new Date().toISOString(), level: 'warn', message: `${lost} lines of this log found no place on the disk` }
      write(descriptor, lost > 0 ? `\n${JSON.stringify(gap)}\n${line}` : line)
      lost = 0
    } catch {
      lost += 1
    }
  }
}
