/**
 * The load of one version, from the request records: what policies are given as samples.
 *
 * Records come late: the `started` of a request that goes on within a second, `finished` at its end. So a period ends a second before now, and its
 * concurrency is an integral of time: what a record tells of a time that was counted already goes into the next period, and a request that had ended by
 * then takes away from that what was counted too much. So over two periods nothing is lost and nothing counts twice.
 *
 * Requests are counted by the version that they were assigned to: one that a fallback answered was load of the version that could not. Each record
 * counts once, however often a control that was killed reads it: it is told by gateway, boot and number. All of it is plain data.
 */
import { Sketch } from '../../kernel/sketch.ts'
import type { FinishedRecord, RequestRecord, StartedRecord } from '../../monitoring/request-records.ts'
import type { Sample } from '../autoscaling/policy.ts'
import { NO_PROMPTS, PromptLengths, type PromptLengthsState } from './prompt-lengths.ts'
import type { Seen } from './seen.ts'

/** What the records of an earlier moment are kept in until their period ends, milliseconds. */
const PIECE_MS = 250
/** So old is what a sample tells. */
const LAG_MS = 1_000
/** A period that control was away for is not made up for; only so much of it counts. */
const LONGEST_PERIOD_MS = 60_000
/** No request lasts longer; one that seems to has lost its end. */
const LOST_MS = 3_600_000
/** Of those that are open so many are stored. One more is counted when it ends. */
const MOST_STORED = 800
/** Words of the gateway for a request that no instance was there for. */
const FOUND_NONE: ReadonlySet<string | undefined> = new Set(['no_instance', 'model_warming'])

const horizon = (now: number) => Math.floor((now - LAG_MS) / PIECE_MS) * PIECE_MS

/** When a record is read, on the clock of the samples, and how far that is ahead of the wall clock, which may have been set back. */
export interface Reading {
  readonly now: number
  readonly ahead: number
}

export interface GatewayBoot {
  readonly gateway: string
  readonly boot: string
}

interface Open extends GatewayBoot {
  /** Milliseconds. */
  readonly start: number
}

/** Milliseconds of requests, and requests; tokens that were written; misses; tokens of the prompts that arrived. In the order in which they are stored. */
const FIGURES = ['ms', 'arrived', 'ended', 'answered', 'written', 'missed', 'read'] as const
type Figures = Record<(typeof FIGURES)[number], number>
type Piece = Figures & { firstTokens: Sketch }

function figuresOf(value: (place: number) => number): Figures {
  return Object.fromEntries(FIGURES.map((name, place) => [name, value(place)])) as Figures
}

export interface LoadState {
  /** Up to here everything has been in a sample. */
  readonly until: number
  readonly positions: Record<string, { readonly boot: string; readonly seq: number }>
  readonly open: readonly (readonly [id: string, gateway: string, start: number])[]
  readonly pieces: readonly (readonly [piece: number, ...figures: number[]])[]
  readonly firstTokens: readonly (readonly [piece: number, sketch: string])[]
  readonly prompt: PromptLengthsState
  /** When an instance was last ready. */
  readonly readyAt: number | null
}

export class Load {
  #until: number
  readonly #positions: Map<string, { boot: string; seq: number }>
  readonly #open = new Map<string, Open>()
  readonly #pieces = new Map<number, Piece>()
  readonly #prompts: PromptLengths
  #readyAt: number | null
  /** Requests that found no instance, since the last sample. They come again; nobody waits for them here. */
  #turnedAway = 0
  /** Of all periods since `takeFirstTokens`. */
  #firstTokens = new Sketch()

  private constructor(state: LoadState) {
    this.#until = state.until
    this.#positions = new Map(Object.entries(state.positions).map(([gateway, position]) => [gateway, { ...position }]))
    for (const [id, gateway, start] of state.open) this.#open.set(id, { gateway, boot: this.#positions.get(gateway)?.boot ?? '', start })
    const sketches = new Map(state.firstTokens)
    for (const [piece, ...figures] of state.pieces) {
      const text = sketches.get(piece)
      const firstTokens = text === undefined ? new Sketch() : Sketch.parse(text)
      this.#pieces.set(piece, { ...figuresOf((i) => figures[i] ?? 0), firstTokens })
    }
    this.#prompts = new PromptLengths(state.prompt)
    this.#readyAt = state.readyAt
  }

  static begin(now: number): Load {
    return new Load({ until: horizon(now), positions: {}, open: [], pieces: [], firstTokens: [], prompt: NO_PROMPTS, readyAt: null })
  }

  /** The clock may have been set back meanwhile: what was to come is now. */
  static restore(state: LoadState, now: number): Load {
    return new Load({
      ...state,
      until: Math.min(state.until, horizon(now)),
      open: state.open.map(([id, gateway, start]) => [id, gateway, Math.min(start, now)]),
      readyAt: state.readyAt === null ? null : Math.min(state.readyAt, now),
    })
  }

  /** Requests that are known to run or wait. */
  get openRequests(): number {
    return this.#open.size
  }

  /**
   * True where the record changes something.
   *
   * @param objectiveMs First tokens later than that are misses.
   */
  add(record: RequestRecord, { now, ahead }: Reading, objectiveMs: number): boolean {
    if (record.type !== 'started' && record.type !== 'finished') return false
    const { gateway, boot, seq } = record
    const position = this.#positions.get(gateway)
    if (position && (boot < position.boot || (boot === position.boot && seq <= position.seq))) return false
    this.#positions.set(gateway, { boot, seq })
    if (position && boot !== position.boot) this.forget((one) => one.gateway === gateway && one.boot < boot)
    // Nothing is read before it has happened: where it seems so a clock was set, or is another machine's.
    const time = Math.min(now, Date.parse(record.time) + ahead)
    if (record.type === 'started') this.#start(record, Math.round(time - record.after))
    else this.#finish(record, time, objectiveMs)
    return true
  }

  /** Of gateways that are dead: what they had not finished has no end. True where there was something. */
  forget(isDead: (gateway: GatewayBoot) => boolean): boolean {
    let changed = false
    for (const [id, one] of this.#open) {
      if (!isDead(one)) continue
      this.#open.delete(id)
      changed = true
    }
    return changed
  }

  #start({ id, gateway, boot, bytes }: StartedRecord, start: number): void {
    if (this.#open.has(id)) return
    this.#open.set(id, { gateway, boot, start })
    this.#arrive(start, this.#prompts.guess(bytes))
    if (start < this.#until) this.#spread(start, this.#until) // samples have passed by already
  }

  #finish(record: FinishedRecord, end: number, objectiveMs: number): void {
    const { id, times, outcome, tokens, bytes } = record
    const known = this.#open.get(id)
    this.#open.delete(id)
    const start = known?.start ?? Math.round(end - times.total)
    // What no instance was asked for is no load of one.
    if (!known && record.attempts.length === 0 && outcome !== 'overloaded' && outcome !== 'timeout') return
    if (known) this.#spread(Math.max(start, this.#until), end)
    else {
      this.#arrive(start, tokens?.in ?? this.#prompts.guess(bytes))
      this.#spread(start, end)
    }
    if (end < this.#until - LONGEST_PERIOD_MS) return
    const piece = this.#pieceAt(end)
    piece.ended += 1
    if (tokens) {
      piece.written += tokens.out
      this.#prompts.learn(tokens.in, bytes)
    }
    if (outcome === 'ok') piece.answered += 1
    if (times.firstToken !== undefined) piece.firstTokens.add(times.firstToken)
    const foundNone = FOUND_NONE.has(record.error) || record.attempts.some(({ error }) => FOUND_NONE.has(error))
    if (foundNone) this.#turnedAway += 1
    const late = times.firstToken !== undefined && times.firstToken > objectiveMs
    if (late || foundNone || outcome === 'overloaded' || outcome === 'timeout') piece.missed += 1
  }

  #arrive(start: number, tokens: number): void {
    if (start < this.#until - LONGEST_PERIOD_MS) return
    const piece = this.#pieceAt(start)
    piece.arrived += 1
    piece.read += tokens
  }

  /** The time from `from` to `to` into its pieces; what is before the next period into its first piece. Backwards, it is taken away. */
  #spread(from: number, to: number): void {
    if (to < this.#until && from >= this.#until) {
      this.#pieceAt(to).ms -= Math.min(from - to, LONGEST_PERIOD_MS)
      return
    }
    let at = Math.max(from, this.#until - LONGEST_PERIOD_MS)
    if (at < Math.min(to, this.#until)) {
      const end = Math.min(to, this.#until)
      this.#pieceAt(at).ms += end - at
      at = end
    }
    while (at < to) {
      const end = Math.min(to, (Math.floor(at / PIECE_MS) + 1) * PIECE_MS)
      this.#pieceAt(at).ms += end - at
      at = end
    }
  }

  #pieceAt(time: number): Piece {
    const index = Math.floor(Math.max(time, this.#until) / PIECE_MS)
    let piece = this.#pieces.get(index)
    if (!piece) {
      piece = { ...figuresOf(() => 0), firstTokens: new Sketch() }
      this.#pieces.set(index, piece)
    }
    return piece
  }

  /** Whether somebody waits for a version of which no instance is ready. */
  waits(now: number, ready: number): { readonly waiting: number; readonly oldestMs: number } {
    let [waiting, oldestMs] = [0, 0]
    if (ready > 0) return { waiting, oldestMs }
    // Who came while one was ready is there, and stays as long as it drains.
    for (const { start } of this.#open.values())
      if (this.#readyAt === null || start > this.#readyAt) {
        waiting += 1
        oldestMs = Math.max(oldestMs, now - start)
      }
    return { waiting: waiting + this.#turnedAway, oldestMs }
  }

  /** The period since the last sample; undefined where none has passed. `now`: milliseconds, of a clock that only goes forward. */
  sample(now: number, seen: Seen): Sample | undefined {
    const until = horizon(now)
    if (until <= this.#until) return undefined
    const from = Math.max(this.#until, until - LONGEST_PERIOD_MS)
    const seconds = (until - from) / 1000
    const sums = figuresOf(() => 0)
    let firstTokens = new Sketch()
    for (const [index, piece] of this.#pieces) {
      if (index * PIECE_MS >= until) continue
      this.#pieces.delete(index)
      if (index * PIECE_MS < from) continue
      for (const name of FIGURES) sums[name] += piece[name]
      firstTokens = firstTokens.merge(piece.firstTokens)
    }
    for (const [id, { start }] of this.#open) {
      if (now - start > LOST_MS) this.#open.delete(id)
      else if (start < until) sums.ms += until - Math.max(start, from)
    }
    const { ready, starting, draining, waiting, kvUse } = seen
    const outside = this.waits(now, ready)
    this.#until = until
    this.#turnedAway = 0
    if (ready > 0) this.#readyAt = now
    this.#firstTokens = this.#firstTokens.merge(firstTokens)
    const [p50, p95] = [firstTokens.quantile(0.5), firstTokens.quantile(0.95)]
    return {
      ...{ at: now, periodMs: until - from, ready, starting, draining, kvUse },
      concurrency: Math.max(0, sums.ms) / (until - from),
      queued: waiting + outside.waiting,
      oldestWaitMs: outside.oldestMs,
      arrivals: sums.arrived / seconds,
      tokensIn: sums.read / seconds,
      tokensOut: sums.written / seconds,
      completions: sums.answered / seconds,
      misses: sums.missed / seconds,
      ...(p50 === undefined ? {} : { firstTokenP50Ms: p50 }),
      ...(p95 === undefined ? {} : { firstTokenP95Ms: p95 }),
    }
  }

  /** Times to first token of all samples since the last call. */
  takeFirstTokens(): Sketch {
    const taken = this.#firstTokens
    this.#firstTokens = new Sketch()
    return taken
  }

  state(): LoadState {
    const pieces = [...this.#pieces]
    return {
      until: this.#until,
      positions: Object.fromEntries(this.#positions),
      // A gateway has one boot that counts: the one of its position.
      open: [...this.#open].slice(-MOST_STORED).map(([id, { gateway, start }]) => [id, gateway, start]),
      pieces: pieces.map(([at, { firstTokens: _, ...figures }]) => [at, ...FIGURES.map((name) => figures[name])] as const),
      firstTokens: pieces
        .filter(([, { firstTokens }]) => firstTokens.count > 0)
        .map(([at, { firstTokens }]) => [at, firstTokens.serialize()]),
      prompt: this.#prompts.state,
      readyAt: this.#readyAt,
    }
  }
}
