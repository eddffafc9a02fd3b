/** When each API key was last used. Exact in memory; the store hears of a key at most once a minute, with the usage that is folded then. */
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { KeyUse } from '../../store/usage.ts'
import { momentOf } from './moment.ts'

export interface KeyUses {
  add(record: RequestRecord): void
  all(): readonly KeyUse[]
  /** Uses that the store shall hear of now. */
  take(): KeyUse[]
  /** They could not be stored: they are taken again. */
  putBack(uses: readonly KeyUse[]): void
  /** The key is gone: nobody asks for it any more. */
  forget(namespace: string, name: string): void
}

const STORED_EVERY_MS = 60_000
/** Each is a statement of its own in the transaction that folds the usage. */
const MOST_AT_ONCE = 500

/** `exists`: the last records of a key are read when it may be gone already; they must not bring it back. */
export function createKeyUses(known: readonly KeyUse[], exists: (namespace: string, name: string) => boolean = () => true): KeyUses {
  const uses = new Map<string, { use: KeyUse; stored: number }>()
  const waiting = new Set<string>()
  for (const use of known) if (exists(use.namespace, use.name)) uses.set(`${use.namespace}/${use.name}`, { use, stored: use.lastUsed })
  return {
    add(record) {
      if (record.type === 'progress') return // names no key
      const { namespace, key: name } = record
      if (namespace === undefined || name === undefined || !exists(namespace, name)) return
      const id = `${namespace}/${name}`
      const lastUsed = momentOf(record)
      const before = uses.get(id)
      if (before && before.use.lastUsed >= lastUsed) return
      const stored = before?.stored ?? 0
      uses.set(id, { use: { namespace, name, lastUsed }, stored })
      if (lastUsed - stored >= STORED_EVERY_MS) waiting.add(id)
    },
    all: () => [...uses.values()].map(({ use }) => use),
    take() {
      const ids = [...waiting].slice(0, MOST_AT_ONCE)
      return ids.map((id) => {
        waiting.delete(id)
        const known = uses.get(id)!
        known.stored = known.use.lastUsed
        return known.use
      })
    },
    putBack(back) {
      for (const { namespace, name } of back) if (uses.has(`${namespace}/${name}`)) waiting.add(`${namespace}/${name}`)
    },
    forget(namespace, name) {
      uses.delete(`${namespace}/${name}`)
      waiting.delete(`${namespace}/${name}`)
    },
  }
}
