/**
 * What a snapshot costs a gateway: reading the whole, and one change, with 20,000 keys.
 *
 *   npx strata --node bench/snapshot.ts [--keys 20000]
 */
import { parseArgs } from 'node:util'
import { applyDelta, SnapshotBuilder } from '../src/gateway/snapshot/tables.ts'
import { sha256Hex } from '../src/kernel/ids.ts'
import { addChecksum, type CompiledKey, entryChecksum, entryKey } from '../src/resources/snapshot.ts'

const { values } = parseArgs({ options: { keys: { type: 'string', default: '20000' } } })
const count = Number(values.keys)
const key = (i: number): CompiledKey => ({ kind: 'key', name: `key-${i}`, namespace: 'default', consumer: `consumer-${i}` })
const entries = Array.from({ length: count }, (_, i) => [entryKey.key(sha256Hex(String(i))), key(i)] as const)
let checksum = entries.reduce((sum, [name, value]) => addChecksum(sum, entryChecksum(name, JSON.stringify(value))), 0)
const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

function whole() {
  const builder = new SnapshotBuilder()
  for (const [name, value] of entries) builder.add(name, value)
  return builder.finish({ epoch: 'bench', version: 1, entries: count, checksum })
}

const reads: number[] = []
let snapshot = whole()
for (let round = 0; round < 5; round++) {
  const from = performance.now()
  snapshot = whole()
  reads.push(performance.now() - from)
}

const changes: number[] = []
for (let i = 0; i < 200; i++) {
  const name = entryKey.key(sha256Hex(`new ${i}`))
  const value = key(count + i)
  checksum = addChecksum(checksum, entryChecksum(name, JSON.stringify(value)))
  const from = performance.now()
  snapshot = applyDelta(snapshot, { version: i + 2, checksum, set: { [name]: value }, del: [] })
  changes.push(performance.now() - from)
}

process.stdout.write(
  [
    '| snapshot of a gateway | median | slowest |',
    '|---|---:|---:|',
    `| whole, ${count} keys (per entry) | ${median(reads).toFixed(0)} ms (${((1000 * median(reads)) / count).toFixed(1)} µs) | ${Math.max(...reads).toFixed(0)} ms |`,
    `| one change among ${count} keys | ${median(changes).toFixed(3)} ms | ${Math.max(...changes).toFixed(2)} ms |`,
    '',
  ].join('\n'),
)
