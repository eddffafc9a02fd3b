/**
 * One instance as a server with continuous batching and chunked prefill, without a clock of its own.
 *
 * Simulated step by step a day would be millions of steps an instance. Between two events (a prompt is read, an answer is written, a request comes)
 * nothing changes but progress, so progress is kept as a number of steps done since the start, and an answer ends at a number of steps that is known
 * when its first token comes: three events a request, whatever its length. The price is that a step is not waited for: at most one, some 50 ms.
 */
import { type Prompt, type PromptPace, UnreadPrompts } from '../../balancing/unread-prompts.ts'
import { type ServiceCurve, stepTimes } from '../autoscaling/service-curve.ts'
import type { Requests } from './requests.ts'

export type Phase = 'starting' | 'ready' | 'draining' | 'stopped'

/** What becomes of requests is told to these. */
export interface Listener {
  firstToken(request: number, at: number): void
  finished(request: number, at: number): void
  timedOut(request: number, at: number): void
}

export interface SimulatedInstanceOptions {
  readonly curve: ServiceCurve
  readonly requests: Requests
  /** That of all instances of the version. */
  readonly pace: PromptPace
  readonly listener: Listener
  /** Who has waited so long for a first token leaves. */
  readonly timeoutMs: number
  readonly createdAt: number
  readonly readyAt: number
}

/** A prompt is cut to the context. */
export function promptTokens({ contextTokens }: ServiceCurve, { tokensIn }: Requests, request: number): number {
  return Math.min(tokensIn[request]!, contextTokens)
}

/** An answer ends where it fills a context, or its instance's cache together with its prompt: `length`. */
export function answerTokens(curve: ServiceCurve, requests: Requests, request: number): number {
  return Math.max(1, Math.min(requests.tokensOut[request]!, curve.contextTokens, curve.kvTokens - promptTokens(curve, requests, request)))
}

export class SimulatedInstance {
  readonly createdAt: number
  phase: Phase = 'starting'
  stoppedAt = Number.POSITIVE_INFINITY
  /** When something happens in it next, milliseconds. */
  nextAt: number
  /** Tokens written since the start. */
  written = 0
  kvUsed = 0
  readonly unread: UnreadPrompts

  readonly #curve: ServiceCurve
  readonly #steps: Float64Array
  readonly #requests: Requests
  readonly #listener: Listener
  readonly #timeoutMs: number
  /** First in, first out: the ring's head is the next whose prompt is read. */
  #waiting: number[] = []
  #head = 0
  /** The request whose prompt is being read, and what is left of it in tokens. */
  #reading = -1
  #left = 0
  /** Its requests of which nobody has heard yet. */
  readonly #prompts = new Map<number, Prompt>()
  /** Steps done, and those at which answers end, the soonest last. */
  #done = 0
  readonly #ends: number[] = []
  readonly #answers: number[] = []
  #now: number
  #readRate = 0
  #stepRate = 0

  constructor({ curve, requests, pace, listener, timeoutMs, createdAt, readyAt }: SimulatedInstanceOptions) {
    this.#curve = curve
    this.#steps = stepTimes(curve)
    this.#requests = requests
    this.unread = new UnreadPrompts(pace)
    this.#listener = listener
    this.#timeoutMs = timeoutMs
    this.createdAt = createdAt
    this.#now = createdAt
    this.nextAt = readyAt
  }

  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  get inFlight(): number {
    return this.waiting + this.#answers.length + (this.#reading === -1 ? 0 : 1)
  }

  /** Arrival of the one that waits longest; undefined where none waits. */
  get oldestArrival(): number | undefined {
    return this.waiting === 0 ? undefined : this.#requests.at[this.#waiting[this.#head]!]!
  }

  get kvUse(): number {
    return this.kvUsed / this.#curve.kvTokens
  }

  begin(at: number): void {
    this.phase = 'ready'
    this.#now = at
    this.#plan()
  }

  accept(request: number, at: number): void {
    this.#advance(at)
    this.#waiting.push(request)
    this.#prompts.set(request, this.unread.add(promptTokens(this.#curve, this.#requests, request), true, at))
    this.#startReading()
    this.#plan()
  }

  drain(at: number): void {
    if (this.phase === 'starting' || this.inFlight === 0) this.#stop(at)
    else this.phase = 'draining'
  }

  /** To be called at `nextAt`. */
  happen(at: number): void {
    this.#advance(at)
    const late = at + 1e-6
    if (this.#reading !== -1 && this.#left <= 1e-6) {
      const request = this.#reading
      this.#reading = -1
      this.unread.read(this.#heardOf(request), at)
      this.#listener.firstToken(request, at)
      this.written += 1
      const more = answerTokens(this.#curve, this.#requests, request) - 1
      if (more === 0) this.#finish(request, at)
      else this.#write(request, this.#done + more)
    } else if (this.#reading !== -1 && at >= this.#deadlineOf(this.#reading)) {
      const request = this.#reading
      this.#reading = -1
      this.kvUsed -= this.#holds(request)
      this.unread.drop(this.#heardOf(request), at)
      this.#listener.timedOut(request, at)
    }
    while (this.#ends.length > 0 && this.#ends[this.#ends.length - 1]! <= this.#done + 1e-9) {
      this.#ends.pop()
      this.#finish(this.#answers.pop()!, at)
    }
    this.#startReading()
    if (this.phase === 'draining' && this.inFlight === 0) this.#stop(at)
    else {
      this.#plan()
      if (this.nextAt < late) this.nextAt = late // never twice at the same time: rounding may not hold time still
    }
  }

  /** Those that have waited too long for their turn leave. Noticed late they are not read either; only more seem to wait than do. */
  expire(at: number): void {
    while (this.waiting > 0 && at >= this.#deadlineOf(this.#waiting[this.#head]!)) this.#leave()
    if (this.phase === 'draining' && this.inFlight === 0) this.#stop(at)
  }

  #leave(): void {
    const request = this.#take()
    const at = this.#deadlineOf(request)
    this.unread.drop(this.#heardOf(request), at)
    this.#listener.timedOut(request, at)
  }

  #heardOf(request: number): Prompt {
    const prompt = this.#prompts.get(request)!
    this.#prompts.delete(request)
    return prompt
  }

  #deadlineOf(request: number): number {
    return this.#requests.at[request]! + this.#timeoutMs
  }

  #take(): number {
    const request = this.#waiting[this.#head++]!
    if (this.#head > 256 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return request
  }

  #advance(at: number): void {
    const passed = at - this.#now
    this.#now = at
    if (passed <= 0) return
    const steps = passed * this.#stepRate
    this.#done += steps
    this.written += steps * this.#ends.length
    if (this.#reading !== -1) this.#left -= passed * this.#readRate
  }

  #startReading(): void {
    if (this.#reading !== -1) return
    while (this.waiting > 0) {
      const request = this.#waiting[this.#head]!
      if (this.#now >= this.#deadlineOf(request)) {
        this.#leave()
        continue
      }
      const holds = this.#holds(request)
      const isAlone = this.#answers.length === 0
      if (this.#answers.length >= this.#curve.sequences || (this.kvUsed + holds > this.#curve.kvTokens && !isAlone)) return
      this.#take()
      this.#reading = request
      this.kvUsed += holds
      const { prefill } = this.#curve
      this.#left = promptTokens(this.#curve, this.#requests, request) + (prefill.overheadMs * prefill.tokensPerSecond) / 1000
      return
    }
  }

  /** The answer's length is not known in advance to a real server, which makes room by starting one again; here it is. */
  #holds(request: number): number {
    return promptTokens(this.#curve, this.#requests, request) + answerTokens(this.#curve, this.#requests, request)
  }

  #write(request: number, end: number): void {
    const [ends, answers] = [this.#ends, this.#answers]
    let place = ends.length
    for (; place > 0 && ends[place - 1]! < end; place--) {
      ends[place] = ends[place - 1]!
      answers[place] = answers[place - 1]!
    }
    ends[place] = end
    answers[place] = request
  }

  #finish(request: number, at: number): void {
    this.kvUsed -= this.#holds(request)
    this.#listener.finished(request, at)
  }

  #stop(at: number): void {
    this.phase = 'stopped'
    this.stoppedAt = at
    this.nextAt = Number.POSITIVE_INFINITY
  }

  /** Rates until something changes, and when that is. */
  #plan(): void {
    const writing = this.#ends.length
    const { tokensPerSecond, chunkTokens } = this.#curve.prefill
    const perMs = tokensPerSecond / 1000
    let next = Number.POSITIVE_INFINITY
    if (this.#reading !== -1) {
      const step = writing === 0 ? chunkTokens / perMs : this.#steps[writing]! + chunkTokens / perMs
      this.#readRate = chunkTokens / step
      this.#stepRate = writing === 0 ? 0 : 1 / step
      next = Math.min(this.#now + Math.max(0, this.#left) / this.#readRate, this.#deadlineOf(this.#reading))
    } else {
      this.#stepRate = writing === 0 ? 0 : 1 / this.#steps[writing]!
    }
    if (writing > 0) next = Math.min(next, this.#now + Math.max(0, this.#ends[writing - 1]! - this.#done) / this.#stepRate)
    this.nextAt = next
  }
}
