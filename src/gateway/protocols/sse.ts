/**
 * What the relay must know of a passing event stream: usage for the settlement, the end, an error that the upstream itself announced.
 * Bytes pass as they are, here as latin1 text (one character is one byte): that is how they are written. An engine's stream is not even
 * split into events.
 */
import { type Usage, usageFrom } from './usage.ts'

export interface StreamReader {
  /** What goes to the client of this piece; may be empty. */
  push(piece: string): string
  /** At the end: the rest that goes to the client. */
  flush(): string
  readonly usage: Usage | undefined
  /** `data: [DONE]` has come: the answer is whole. */
  readonly done: boolean
  /** The upstream has sent an error event. */
  readonly failed: boolean
  /** Nothing in it says where it ends: a proper end of the connection's message does. */
  readonly raw?: boolean
}

/** Bytes without events: whole when the server ends them properly. */
export const rawStream = (): StreamReader => ({
  push: (piece) => piece,
  flush: () => '',
  usage: undefined,
  done: false,
  failed: false,
  raw: true,
})

const DONE = 'data: [DONE]'
const ERROR = 'data: {"error"'
const USAGE = ': strata-usage '

/**
 * An engine of ours ends its stream with the comment `: strata-usage {…}` before `[DONE]`. The comment is between engine and gateway, so
 * everything from it on is held until the end and then passed without it. A raw newline cannot stand inside of JSON, so no answer can forge it.
 */
export class EngineStream implements StreamReader {
  usage: Usage | undefined
  done = false
  failed = false
  #held = ''
  #last = ''

  push(piece: string): string {
    // A marker that only began in the last piece: look again at both together.
    const text = this.#held + piece
    const at = markerStart(text)
    const passed = at === -1 ? text : text.slice(0, at)
    this.#held = at === -1 ? '' : text.slice(at)
    if (passed !== '') this.#last = passed.length < 32 ? this.#last.slice(-64) + passed : passed
    return passed
  }

  flush(): string {
    let rest = this.#held
    this.#held = ''
    if (rest.startsWith(USAGE)) {
      const end = rest.indexOf('\n\n')
      this.usage = usageFrom(rest.slice(USAGE.length, end === -1 ? rest.length : end))
      rest = end === -1 ? '' : rest.slice(end + 2)
    }
    const tail = this.#last + rest
    this.done = tail.includes(DONE)
    this.failed = tail.includes(ERROR)
    return rest
  }
}

/** Where the usage comment starts, also when only its beginning is here; −1 when it does not. */
function markerStart(text: string): number {
  const startsLine = (at: number) => at === 0 || text[at - 1] === '\n'
  for (let at = text.indexOf(USAGE); at !== -1; at = text.indexOf(USAGE, at + 1)) if (startsLine(at)) return at
  const from = Math.max(0, text.length - USAGE.length + 1)
  for (let colon = text.indexOf(':', from); colon !== -1; colon = text.indexOf(':', colon + 1))
    if (startsLine(colon) && USAGE.startsWith(text.slice(colon))) return colon
  return -1
}

/**
 * The stream of a server elsewhere. It was asked for usage on our account; the extra event is dropped when the client did not ask for it.
 */
export class BackendStream implements StreamReader {
  usage: Usage | undefined
  done = false
  failed = false
  #events = 0
  #partial = ''
  readonly #keepUsageEvent: boolean

  constructor(keepUsageEvent: boolean) {
    this.#keepUsageEvent = keepUsageEvent
  }

  push(piece: string): string {
    const text = this.#partial + piece
    let passed = ''
    let start = 0
    for (let end = eventEnd(text, start); end !== -1; end = eventEnd(text, start)) {
      const event = text.slice(start, end)
      if (this.#take(event)) passed += event
      start = end
    }
    this.#partial = text.slice(start)
    return passed
  }

  flush(): string {
    const rest = this.#partial
    this.#partial = ''
    if (rest.length > 0) this.#take(rest)
    // Without usage from the upstream each event counts as a token: what it would have said within a few.
    this.usage ??= this.#events > 0 ? { in: 0, cached: 0, out: this.#events } : undefined
    return rest
  }

  /** Whether the client gets this event. */
  #take(event: string): boolean {
    if (!event.startsWith('data:')) return true
    let from = 5
    while (event[from] === ' ') from++
    if (event.startsWith('[DONE]', from) && event.slice(from).trim() === '[DONE]') {
      this.done = true
      return true
    }
    if (event.startsWith('{"error"', from)) this.failed = true
    this.#events += 1
    if (!event.includes('"usage":{', from) && !event.includes('"usage": {', from)) return true
    try {
      const parsed = JSON.parse(event.slice(from)) as { usage?: unknown; choices?: unknown[] }
      this.usage = usageFrom(JSON.stringify(parsed.usage)) ?? this.usage
      return this.#keepUsageEvent || !Array.isArray(parsed.choices) || parsed.choices.length > 0
    } catch {
      return true // not JSON after all: the client's to judge
    }
  }
}

/** Index after the blank line that ends the event at `start`, or −1. */
function eventEnd(text: string, start: number): number {
  for (let at = text.indexOf('\n', start); at !== -1; at = text.indexOf('\n', at + 1)) {
    if (text[at + 1] === '\n') return at + 2
    if (text[at + 1] === '\r' && text[at + 2] === '\n' && at > start && text[at - 1] === '\r') return at + 3
  }
  return -1
}
