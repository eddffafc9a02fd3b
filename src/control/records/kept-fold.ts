/**
 * What a reader of the records has made of them, stored together with the mark up to which it has read: a control that is killed between the two
 * leaves neither without the other.
 */
import type { RequestRecord } from '../../monitoring/request-records.ts'

export interface KeptFold {
  /**
   * Each record behind the mark, once a run of control. Any gateway's mark stores all that has been added, also of gateways whose own mark has not
   * moved yet: after a restart their records come again. Tell them by gateway, boot and seq.
   */
  add(record: RequestRecord): void
  /** Rows to store now: key → JSON text; undefined: delete. Keys are its own; they begin with a word that no other fold's begin with. */
  take(): ReadonlyMap<string, string | undefined>
  /** They could not be stored: they are taken again, unless there are newer ones of the same keys. */
  putBack(rows: ReadonlyMap<string, string | undefined>): void
}
