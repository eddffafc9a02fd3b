/**
 * What the relay must know of a passing event stream: usage for the settlement, the end, an error that the upstream itself announced.
 * Bytes pass as they are; an engine's stream is not even split into events.
 */
import { type Usage, usageFrom } from './openai-to-openai.ts'

export interface StreamReader {
  /** What goes to the client of this chunk; may be empty. */
  push(chunk: Buffer): Buffer
  /** At the end: the rest that goes to the client. */
  flush(): Buffer
  readonly usage: Usage | undefined
  /** `data: [DONE]` has come: the answer is whole. */
  readonly done: boolean
  /** The upstream has sent an error event. */
  readonly failed: boolean
}

const NOTHING: Buffer = Buffer.alloc(0)
const DONE = 'data: [DONE]'
const ERROR = 'data: {"error"'
const USAGE = Buffer.from(': strata-usage ')
const COLON = 0x3a
const NEWLINE = 0x0a

/**
 * An engine of ours ends its stream with the comment `: strata-usage {…}` before `[DONE]`. The comment is between engine and gateway, so
 * everything from it on is held until the end and then passed without it. A raw newline cannot stand inside of JSON, so no answer can forge it.
 */
export class EngineStream implements StreamReader {
  usage: Usage | undefined
  done = false
  failed = false
  #held: Buffer | undefined
  #last = NOTHING

  push(chunk: Buffer): Buffer {
    if (this.#held) {
      // A marker that only began in the last chunk: look again at both together.
      const joined = Buffer.concat([this.#held, chunk])
      this.#held = undefined
      return this.#split(joined)
    }
    return this.#split(chunk)
  }

  flush(): Buffer {
    let rest = this.#held ?? NOTHING
    this.#held = undefined
    if (startsWithMarker(rest)) {
      const end = rest.indexOf('\n\n')
      this.usage = usageFrom(rest.toString('utf8', USAGE.length, end === -1 ? rest.length : end))
      rest = end === -1 ? NOTHING : rest.subarray(end + 2)
    }
    const tail = Buffer.concat([this.#last, rest])
    this.done = tail.includes(DONE)
    this.failed = tail.includes(ERROR)
    return rest
  }

  #split(chunk: Buffer): Buffer {
    const at = markerStart(chunk)
    const passed = at === -1 ? chunk : chunk.subarray(0, at)
    if (at !== -1) this.#held = chunk.subarray(at)
    if (passed.length > 0) this.#last = passed.length < 32 ? Buffer.concat([this.#last.subarray(-64), passed]) : passed
    return passed
  }
}

/** Where the usage comment starts, also when only its beginning is here; −1 when it does not. */
function markerStart(chunk: Buffer): number {
  for (let at = chunk.indexOf(USAGE); at !== -1; at = chunk.indexOf(USAGE, at + 1)) if (at === 0 || chunk[at - 1] === NEWLINE) return at
  const from = Math.max(0, chunk.length - USAGE.length + 1)
  for (let colon = chunk.indexOf(COLON, from); colon !== -1; colon = chunk.indexOf(COLON, colon + 1)) {
    const startsLine = colon === 0 || chunk[colon - 1] === NEWLINE
    if (startsLine && USAGE.subarray(0, chunk.length - colon).equals(chunk.subarray(colon))) return colon
  }
  return -1
}

function startsWithMarker(rest: Buffer): boolean {
  return rest.length >= USAGE.length && rest.subarray(0, USAGE.length).equals(USAGE)
}

/**
 * The stream of a server elsewhere. It was asked for usage on our account; the extra event is dropped when the client did not ask for it.
 */
export class BackendStream implements StreamReader {
  usage: Usage | undefined
  done = false
  failed = false
  #events = 0
  #partial = NOTHING
  readonly #keepUsageEvent: boolean

  constructor(keepUsageEvent: boolean) {
    this.#keepUsageEvent = keepUsageEvent
  }

  push(chunk: Buffer): Buffer {
    const text = this.#partial.length > 0 ? Buffer.concat([this.#partial, chunk]) : chunk
    const passed: Buffer[] = []
    let start = 0
    for (let end = eventEnd(text, start); end !== -1; end = eventEnd(text, start)) {
      const event = text.subarray(start, end)
      if (this.#take(event)) passed.push(event)
      start = end
    }
    this.#partial = Buffer.from(text.subarray(start))
    return passed.length === 1 ? passed[0]! : Buffer.concat(passed)
  }

  flush(): Buffer {
    const rest = this.#partial
    this.#partial = NOTHING
    if (rest.length > 0) this.#take(rest)
    // Without usage from the upstream each event counts as a token: what it would have said within a few.
    this.usage ??= this.#events > 0 ? { in: 0, cached: 0, out: this.#events } : undefined
    return rest
  }

  /** Whether the client gets this event. */
  #take(event: Buffer): boolean {
    const text = event.toString('utf8')
    if (!text.startsWith('data:')) return true
    const data = text.slice(5).trim()
    if (data === '[DONE]') {
      this.done = true
      return true
    }
    if (data.startsWith('{"error"')) this.failed = true
    this.#events += 1
    if (!data.includes('"usage":{') && !data.includes('"usage": {')) return true
    try {
      const parsed = JSON.parse(data) as { usage?: unknown; choices?: unknown[] }
      this.usage = usageFrom(JSON.stringify(parsed.usage)) ?? this.usage
      return this.#keepUsageEvent || !Array.isArray(parsed.choices) || parsed.choices.length > 0
    } catch {
      return true // not JSON after all: the client's to judge
    }
  }
}

/** Index after the blank line that ends the event at `start`, or −1. */
function eventEnd(text: Buffer, start: number): number {
  const plain = text.indexOf('\n\n', start)
  const carriage = text.indexOf('\r\n\r\n', start)
  if (plain === -1 && carriage === -1) return -1
  if (carriage === -1 || (plain !== -1 && plain < carriage)) return plain + 2
  return carriage + 4
}
