/**
 * One request on its way, whatever carries it: the head as a promise, then the body into the attached sink. The carrier reports what comes
 * (`onHead`, `onData`, `onEnd`, `fail`) and is told what to do (`Carrier`).
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Deadline, Deadlines } from '../../kernel/deadlines.ts'
import type { AnswerBody, BodySink, UpstreamCall, UpstreamFailure, UpstreamResponse } from './index.ts'

export interface Carrier {
  pause(): void
  resume(): void
  /** Gives the request up: closes whatever it holds at the upstream. */
  cancel(): void
}

export class Call implements UpstreamCall, UpstreamResponse {
  readonly head: Promise<UpstreamResponse | UpstreamFailure>
  status = 0
  headers: IncomingHttpHeaders = {}
  #settle!: (result: UpstreamResponse | UpstreamFailure) => void
  #settled = false
  #carrier: Carrier | undefined
  #sink: BodySink | undefined
  /** What came before a sink was attached. */
  #early: Buffer[] | undefined
  /** All of it, come before a sink was attached. */
  #text: string | undefined
  #ended = false
  #paused = false
  #failure: UpstreamFailure | undefined
  #firstByte: Deadline | undefined

  constructor(deadlines: Deadlines, firstByteTimeoutMs: number) {
    this.head = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#firstByte = deadlines.start(firstByteTimeoutMs, () => {
      this.fail({ kind: 'timeout', message: `no answer within ${firstByteTimeoutMs} ms` })
      this.#carrier?.cancel()
    })
  }

  /** Nothing more will come of it: a carrier need not begin, or go on. */
  get over(): boolean {
    return this.#ended || this.#failure !== undefined
  }

  carriedBy(carrier: Carrier): void {
    this.#carrier = carrier
    if (this.#paused) carrier.pause()
  }

  abort(): void {
    this.fail({ kind: 'aborted', message: 'the client went away' })
    this.#carrier?.cancel()
  }

  whole(most: number): AnswerBody | undefined {
    if (this.#text !== undefined) return this.#text.length <= most ? this.#text : undefined
    const early = this.#early
    if (!this.#ended || early === undefined) return undefined
    const body = early.length === 1 ? early[0]! : Buffer.concat(early)
    return body.length <= most ? body : undefined
  }

  attach(sink: BodySink): void {
    this.#sink = sink
    if (this.#text !== undefined) sink.data(Buffer.from(this.#text, 'latin1'))
    this.#text = undefined
    if (this.#early) for (const chunk of this.#early) sink.data(chunk)
    this.#early = undefined
    if (this.#failure) sink.error(this.#failure)
    else if (this.#ended) sink.end()
  }

  pause(): void {
    this.#paused = true
    this.#carrier?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#carrier?.resume()
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#headIsHere()
    if (this.#settled) return
    this.status = status
    this.headers = headers
    this.#settled = true
    this.#settle(this)
  }

  onData(chunk: Buffer): void {
    if (this.over) return
    if (this.#sink) this.#sink.data(chunk)
    else if (this.#early) this.#early.push(chunk)
    else this.#early = [chunk]
  }

  onWhole(text: string): void {
    if (this.over) return
    if (this.#sink) this.#sink.data(Buffer.from(text, 'latin1'))
    else this.#text = text
  }

  onEnd(): void {
    if (this.over) return
    const sink = this.#sink
    this.#ended = true
    this.#carrier = this.#sink = undefined
    sink?.end()
  }

  fail(failure: UpstreamFailure): void {
    this.#headIsHere()
    if (this.over) return
    this.#failure = failure
    if (this.#settled) this.#sink?.error(failure)
    else {
      this.#settled = true
      this.#settle(failure)
    }
  }

  #headIsHere(): void {
    this.#firstByte?.clear()
    this.#firstByte = undefined
  }
}
