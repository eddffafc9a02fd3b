/**
 * What is made of the request records under one name each, and stored together with the marks up to which they are read: a control that is killed
 * between the two leaves neither without the other.
 */
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'

export interface Keepable {
  /** True where the record changes something. Records that come again must be told. */
  add(record: RequestRecord): boolean
  serialize(): string
}

/** As the reader of the records wants it. */
export interface Fold {
  add(record: RequestRecord): void
  take(): ReadonlyMap<string, string | undefined>
  putBack(rows: ReadonlyMap<string, string | undefined>): void
}

export class Kept<T extends Keepable> {
  readonly fold: Fold
  readonly #prefix: string
  readonly #stored: ReadonlyMap<string, string>
  readonly #all = new Map<string, T>()
  readonly #changed = new Set<string>()
  /** Stored, and nobody's any more. */
  readonly #gone: Set<string>

  /**
   * @param prefix What the rows' keys begin with: "rollout/".
   * @param stored What an earlier control has stored, by those keys.
   */
  constructor(prefix: string, stored: ReadonlyMap<string, string>, log: Log) {
    this.#prefix = prefix
    this.#stored = stored
    this.#gone = new Set(stored.keys())
    this.fold = {
      add: (record) => {
        if (record.type !== 'feedback' && !record.assignments) return
        for (const [key, each] of this.#all) {
          try {
            if (each.add(record)) this.#changed.add(key)
          } catch (error) {
            // A reader that throws would be given the same records again and again.
            log.error('a record could not be counted', { for: prefix + key, request: record.id, error: messageOf(error) })
          }
        }
      },
      take: () => {
        const rows = new Map<string, string | undefined>([...this.#gone].map((key) => [key, undefined]))
        for (const key of this.#changed) rows.set(prefix + key, this.#all.get(key)?.serialize())
        this.#changed.clear()
        this.#gone.clear()
        return rows
      },
      putBack: (rows) => {
        for (const [row, value] of rows) {
          const key = row.slice(prefix.length)
          if (value === undefined && !this.#all.has(key)) this.#gone.add(row)
          else this.#changed.add(key)
        }
      },
    }
  }

  get(key: string): T | undefined {
    return this.#all.get(key)
  }

  /** What an earlier control has stored under this name. */
  stored(key: string): string | undefined {
    return this.#stored.get(this.#prefix + key)
  }

  set(key: string, value: T): void {
    this.#all.set(key, value)
    this.#changed.add(key)
    this.#gone.delete(this.#prefix + key)
  }

  /** It is to be stored anew. */
  touch(key: string): void {
    this.#changed.add(key)
  }

  /** Forgets all others. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#all.keys()) {
      if (keys.has(key)) continue
      this.#all.delete(key)
      this.#changed.delete(key)
      this.#gone.add(this.#prefix + key)
    }
  }
}
