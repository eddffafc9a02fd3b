/**
 * Continuous batching, in lockstep: one loop, one batch a turn. In it stand one token of each answer that is being written and a slice of
 * the prompt of who came last, so that a long prompt does not silence its neighbours. Streams that ran freely would fall into a convoy,
 * each waiting for the batch of another.
 *
 * A job that is aborted is gone before the next token, and while its prompt is read, after the slice at hand.
 */
import type { NativeContext } from './binding.ts'
import type { Sequence, Sequences } from './sequences.ts'
import type { Sampled } from './token-sampler.ts'

/** Prompt tokens in one batch, all newcomers together: this bounds how long a client that has left is still worked for. */
const LONGEST_SLICE = 128
/** The same while neighbours are writing: what they wait for their next token. */
const SLICE_BESIDE_OTHERS = 64

export interface Job {
  readonly prompt: readonly number[]
  readonly signal: AbortSignal
  /** The prompt is read. */
  begin(cachedTokens: number): void
  /** Chooses the next token from those logits. */
  sample(logits: number): Promise<Sampled>
  /** A token was chosen. False: it was the last one. */
  accept(sampled: Sampled): boolean
  /** Its reader is behind: no token for now. */
  readonly paused: boolean
  /** The sequence is free again. With an error when it did not end by itself. */
  end(error?: unknown): void
}

interface Running {
  readonly job: Job
  readonly sequence: Sequence
  readonly cached: number
  /** Tokens still to evaluate: the rest of the prompt, then the token chosen last. */
  pending: readonly number[]
  reading: boolean
}

interface Asked {
  readonly one: Running
  /** Position in the batch. */
  readonly logits: number
  /** Where it is queued already. */
  sampled?: Promise<Sampled>
}

export class BatchLoop {
  readonly #context: NativeContext
  readonly #sequences: Sequences
  readonly #batchSize: number
  readonly #inOrder: boolean
  readonly #running: Running[] = []
  #wake: (() => void) | undefined
  #closed = false
  readonly #finished: Promise<void>

  /** `inOrder`: native work is done in the order in which it is queued, so that a choice may be queued behind its batch. */
  constructor(context: NativeContext, sequences: Sequences, batchSize: number, inOrder: boolean) {
    this.#context = context
    this.#sequences = sequences
    this.#batchSize = batchSize
    this.#inOrder = inOrder
    this.#finished = this.#run()
  }

  /** A sequence must be free: the admission queue sees to that. */
  start(job: Job): void {
    const taken = this.#sequences.take(job.prompt)
    if (!taken) throw new Error('No sequence is free: more answers were started than there are slots.')
    const { sequence } = taken
    const cached = this.#forget(sequence, taken.shared)
    this.#running.push({ job, sequence, cached, pending: job.prompt.slice(cached), reading: true })
    job.signal.addEventListener('abort', this.wake, { once: true })
    this.wake()
  }

  /** Something may go on: a job came, left, or its reader has caught up. */
  readonly wake = (): void => {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.wake()
    await this.#finished
  }

  /** Drops the cells after the first `keep`. What is left may be none: some models cannot forget a part. */
  #forget(sequence: Sequence, keep: number): number {
    const { cells, id } = sequence
    if (cells.length === keep) return keep
    const partly =
      keep > 0 && this.#context.getSequenceKvCacheMinPosition(id) <= 0 && this.#context.removeTokenCellsFromSequence(id, keep, cells.length)
    if (!partly) this.#context.disposeSequence(id)
    cells.length = partly ? keep : 0
    return cells.length
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      for (const one of [...this.#running]) if (one.job.signal.aborted) this.#leave(one, one.job.signal.reason)
      const turn = this.#nextTurn()
      if (turn.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      await this.#turn(turn)
    }
    for (const one of [...this.#running]) this.#leave(one, new Error('The engine is closing.'))
  }

  /** Who takes part in the next batch, with how many tokens. Prompts share what room there is, so that a short one gets past a long one. */
  #nextTurn(): { one: Running; count: number }[] {
    const writing = this.#running.filter((one) => !one.reading && !one.job.paused).slice(0, this.#batchSize)
    const reading = this.#running.filter((one) => one.reading).sort((a, b) => a.pending.length - b.pending.length)
    const turn = writing.map((one) => ({ one, count: 1 }))
    let room = Math.min(writing.length > 0 ? SLICE_BESIDE_OTHERS : LONGEST_SLICE, this.#batchSize - turn.length)
    for (const [i, one] of reading.entries()) {
      const count = Math.min(one.pending.length, Math.ceil(room / (reading.length - i)))
      if (count === 0) break
      turn.push({ one, count })
      room -= count
    }
    // By sequence id, as llama.cpp likes its batches.
    return turn.sort((a, b) => a.one.sequence.id - b.one.sequence.id)
  }

  async #turn(turn: readonly { one: Running; count: number }[]): Promise<void> {
    const asked: Asked[] = []
    try {
      this.#context.initBatch(turn.reduce((sum, { count }) => sum + count, 0))
      for (const { one, count } of turn) {
        const tokens = one.pending.slice(0, count)
        const last = count === one.pending.length
        const [logits] = this.#context.addToBatch(
          one.sequence.id,
          one.sequence.cells.length,
          Uint32Array.from(tokens),
          Uint32Array.from(last ? [count - 1] : []),
        )
        if (logits !== undefined) asked.push({ one, logits })
      }
      const decoded = this.#context.decodeBatch()
      if (this.#inOrder) for (const choice of asked) choice.sampled = choice.one.job.sample(choice.logits)
      await decoded
    } catch (error) {
      // A sampler is in use until its choice is made, whatever that is worth.
      await Promise.allSettled(asked.map(({ sampled }) => sampled))
      // What of the batch has reached the cells is not known: those sequences start again from nothing.
      for (const { one } of turn) {
        this.#leave(one, error)
        this.#forget(one.sequence, 0)
      }
      return
    }
    for (const { one, count } of turn) {
      for (let i = 0; i < count; i++) one.sequence.cells.push(one.pending[i]!)
      one.pending = one.pending.slice(count)
    }
    // The first who asks for logits brings them into order where the batch was evaluated in parts; another thread would see them half swapped.
    const parts = !this.#inOrder && turn.some(({ count }) => count > 1)
    if (parts) for (const choice of asked) await this.#write(choice)
    else await Promise.all(asked.map((choice) => this.#write(choice)))
  }

  async #write({ one, logits, sampled: queued }: Asked): Promise<void> {
    const { job } = one
    if (!queued && job.signal.aborted) return
    try {
      if (one.reading) {
        one.reading = false
        job.begin(one.cached)
      }
      const sampled = await (queued ?? job.sample(logits))
      if (job.signal.aborted) return
      if (sampled.token < 0) throw new Error('No token could be chosen.')
      if (job.accept(sampled)) one.pending = [sampled.token]
      else this.#leave(one)
    } catch (error) {
      this.#leave(one, error)
    }
  }

  #leave(one: Running, error?: unknown): void {
    const at = this.#running.indexOf(one)
    if (at === -1) return
    this.#running.splice(at, 1)
    one.job.signal.removeEventListener('abort', this.wake)
    this.#sequences.release(one.sequence)
    one.job.end(error)
  }
}
