/**
 * What is known of callers before an experiment divides them: the mean of the primary metric over the requests of each, which no arm can have touched.
 * With it the comparison needs fewer callers (`statistics/cuped.ts`).
 */
import type { RequestRecord } from '../../monitoring/request-records.ts'
import { NO_ARM } from '../../monitoring/request-records.ts'
import type { Primary } from '../../resources/experiment.ts'
import { endOf } from '../comparison/outcome.ts'

export interface BeforeState {
  readonly positions: Record<string, { boot: string; seq: number }>
  /** By caller: the sum of what was measured, and how often. */
  readonly callers: Record<string, readonly [sum: number, count: number]>
  /** Callers by request, for feedback that comes later. */
  readonly rated: readonly (readonly [request: string, caller: string, consumer: string, value?: number])[]
}

/** Further callers are not noted: nothing is lost but sharpness. */
const MOST_CALLERS = 50_000
const MOST_RATED = 5_000

export class Before {
  readonly #key: string
  readonly #primary: Primary
  readonly #positions: Map<string, { boot: string; seq: number }>
  readonly #callers: Map<string, [sum: number, count: number]>
  readonly #rated: Map<string, readonly [caller: string, consumer: string, value?: number]>

  constructor(key: string, primary: Primary, state: BeforeState = { positions: {}, callers: {}, rated: [] }) {
    this.#key = key
    this.#primary = primary
    this.#positions = new Map(Object.entries(state.positions))
    this.#callers = new Map(Object.entries(state.callers).map(([caller, [sum, count]]) => [caller, [sum, count]]))
    this.#rated = new Map(state.rated.map(([request, ...known]) => [request, known]))
  }

  get size(): number {
    return this.#callers.size
  }

  /** Mean of all callers' means; undefined where there are none. */
  mean(): number | undefined {
    let total = 0
    for (const [sum, count] of this.#callers.values()) total += sum / count
    return this.#callers.size === 0 ? undefined : total / this.#callers.size
  }

  /** Of a caller as comparisons name it: "header:AbC…". */
  of(caller: string): number | undefined {
    const known = this.#callers.get(caller)
    return known && known[0] / known[1]
  }

  /** True where the record is of a caller who is not divided yet, and new. */
  add(record: RequestRecord): boolean {
    const position = this.#positions.get(record.gateway)
    if (position && (record.boot < position.boot || (record.boot === position.boot && record.seq <= position.seq))) return false
    const isNew = record.type === 'feedback' ? this.#rate(record.request, consumerOf(record), record.score) : this.#end(record)
    if (isNew) this.#positions.set(record.gateway, { boot: record.boot, seq: record.seq })
    return isNew
  }

  /** Nothing more is to come: what was kept for that goes. */
  close(): void {
    this.#rated.clear()
  }

  toJSON(): BeforeState {
    return {
      positions: Object.fromEntries(this.#positions),
      callers: Object.fromEntries(this.#callers),
      rated: [...this.#rated].map(([request, known]) => [request, ...known]),
    }
  }

  #end(record: Exclude<RequestRecord, { type: 'feedback' }>): boolean {
    if (record.type !== 'finished') return false
    const assignment = record.assignments?.find(({ by, arm }) => by === this.#key && arm === NO_ARM)
    if (!assignment || assignment.unitKind === 'random') return false
    const caller = `${assignment.unitKind}:${assignment.unit}`
    if (this.#primary.name === 'feedback') {
      this.#rated.set(record.id, [caller, consumerOf(record)])
      for (const [request] of this.#rated) {
        if (this.#rated.size <= MOST_RATED) break
        this.#rated.delete(request)
      }
      return true
    }
    const ended = endOf(record)
    if (ended) this.#note(caller, measured(this.#primary, ended))
    return true
  }

  #rate(request: string, consumer: string, score: number): boolean {
    const known = this.#rated.get(request)
    if (!known || known[1] !== consumer) return false
    const [caller, , before] = known
    const value = 1 - score
    this.#rated.set(request, [caller, consumer, value])
    // A thumb that is turned: the last one counts.
    const sums = before === undefined ? undefined : this.#callers.get(caller)
    if (sums) sums[0] += value - before!
    else this.#note(caller, value)
    return true
  }

  #note(caller: string, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return
    const known = this.#callers.get(caller)
    if (known) {
      known[0] += value
      known[1] += 1
    } else if (this.#callers.size < MOST_CALLERS) this.#callers.set(caller, [value, 1])
  }
}

/** 0 to 1; undefined of what says nothing. */
function measured(primary: Primary, { tokens, cost, failed }: NonNullable<ReturnType<typeof endOf>>): number | undefined {
  if (failed || (primary.name !== 'tokensPerAnswer' && primary.name !== 'cost')) return undefined
  const amount = primary.name === 'cost' ? cost : tokens
  return amount === undefined ? undefined : Math.min(amount / primary.most, 1)
}

function consumerOf({ namespace, consumer }: { readonly namespace?: string; readonly consumer?: string }): string {
  return `${namespace}/${consumer}`
}
