import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addChecksum, type CompiledKey, entryChecksum, entryKey, type SnapshotEntry } from '../../resources/snapshot.ts'
import { applyDelta, type Snapshot, SnapshotBuilder } from './tables.ts'

const key = (consumer: string): CompiledKey => ({ kind: 'key', name: 'k', namespace: 'default', consumer })

function checksumOf(entries: Map<string, SnapshotEntry>): number {
  return [...entries].reduce((sum, [name, value]) => addChecksum(sum, entryChecksum(name, JSON.stringify(value))), 0)
}

function build(entries: Map<string, SnapshotEntry>, version = 1): Snapshot {
  const builder = new SnapshotBuilder()
  for (const [name, value] of entries) builder.add(name, value)
  return builder.finish({ epoch: 'e', version, entries: entries.size, checksum: checksumOf(entries) })
}

describe('snapshots', () => {
  it('comes by deltas to the same as by the whole', () => {
    const change = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.option(fc.string({ maxLength: 5 }), { nil: undefined })), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const model = new Map<string, SnapshotEntry>()
        let snapshot = build(model)
        changes.forEach((entries, i) => {
          const set: Record<string, SnapshotEntry> = {}
          const del = new Set<string>()
          for (const [n, consumer] of entries) {
            const name = entryKey.key(`h${n}`)
            delete set[name]
            del.delete(name)
            if (consumer === undefined) {
              if (model.has(name)) del.add(name)
            } else set[name] = key(consumer)
          }
          for (const name of del) model.delete(name)
          for (const [name, value] of Object.entries(set)) model.set(name, value)
          const before = new Map(snapshot.tables.key)
          const next = applyDelta(snapshot, { version: i + 2, checksum: checksumOf(model), set, del: [...del] })
          expect(new Map(snapshot.tables.key)).toEqual(before) // the one before stays as it was
          snapshot = next
        })
        expect(new Map(snapshot.tables.key)).toEqual(model)
      }),
    )
  })

  it('refuses what is not what was announced', () => {
    const entries = new Map<string, SnapshotEntry>([[entryKey.key('a'), key('x')]])
    const builder = new SnapshotBuilder()
    builder.add(entryKey.key('a'), key('y'))
    expect(() => builder.finish({ epoch: 'e', version: 1, entries: 1, checksum: checksumOf(entries) })).toThrow(/checksum/)
    expect(() => applyDelta(build(entries), { version: 2, checksum: 1, set: {}, del: [] })).toThrow(/checksum/)
  })
})
