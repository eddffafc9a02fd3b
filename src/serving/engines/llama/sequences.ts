/**
 * Which sequence of the context runs a prompt. Each remembers the tokens whose cells are still in the KV cache, and a prompt that begins
 * with the same ones need not evaluate them again. Pure but for its own memory, so that it can be tested without a model.
 */
export interface Sequence {
  readonly id: number
  /** Tokens evaluated in its cells, in order. */
  readonly cells: number[]
}

export class Sequences {
  readonly #all: Sequence[]
  readonly #free: Set<Sequence>

  constructor(count: number) {
    this.#all = Array.from({ length: count }, (_, id) => ({ id, cells: [] }))
    this.#free = new Set(this.#all)
  }

  /**
   * The free sequence that shares the longest beginning with `prompt`; among equals the lowest id, since low ids batch best. `shared` leaves
   * at least one token to evaluate: the answer starts from its logits.
   */
  take(prompt: readonly number[]): { sequence: Sequence; shared: number } | undefined {
    let best: { sequence: Sequence; shared: number } | undefined
    for (const sequence of this.#all) {
      if (!this.#free.has(sequence)) continue
      const shared = Math.min(sharedBeginning(sequence.cells, prompt), prompt.length - 1)
      if (!best || shared > best.shared) best = { sequence, shared }
    }
    if (best) this.#free.delete(best.sequence)
    return best
  }

  release(sequence: Sequence): void {
    this.#free.add(sequence)
  }

  /** Cells in use, those kept for a next request included. */
  get cellsUsed(): number {
    return this.#all.reduce((sum, sequence) => sum + sequence.cells.length, 0)
  }
}

export function sharedBeginning(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  let shared = 0
  while (shared < most && a[shared] === b[shared]) shared++
  return shared
}
