/**
 * An error that a person will read: what happened and where (`message`), what to do (`advice`).
 * `code` is stable and snake_case; programs branch on it, never on the text.
 */
export class StrataError extends Error {
  readonly code: string
  readonly advice: string | undefined
  readonly details: unknown

  constructor(code: string, message: string, options: { advice?: string; details?: unknown; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'StrataError'
    this.code = code
    this.advice = options.advice
    this.details = options.details
  }

  /** Message and advice in one line. */
  get line(): string {
    return this.advice ? `${this.message} ${this.advice}` : this.message
  }
}

/** The text of anything thrown, for a log line or a message that wraps it. */
export function messageOf(error: unknown): string {
  if (error instanceof StrataError) return error.line
  if (error instanceof Error) return error.message || error.name
  return String(error)
}

/** `code` of a Node system error ("ENOENT", "EADDRINUSE"), if it is one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
