/** One JSON line a message on stderr, which the supervisor sends to the process' log file. Not for the request path. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export function createLog(process_: string, write: (line: string) => void = (line) => void process.stderr.write(line)): Log {
  const configured = process.env.STRATA_LOG_LEVEL
  const least = ORDER[(configured && configured in ORDER ? configured : 'info') as LogLevel]
  const at = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (ORDER[level] < least) return
    write(`${JSON.stringify({ time: new Date().toISOString(), level, process: process_, message, ...fields })}\n`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
