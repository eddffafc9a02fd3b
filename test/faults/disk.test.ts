/** Disks that are full, or read-only, from the start or in the middle of work: said in words, and what does not need them goes on. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { countedRequests, finishedRecords } from '../chaos/ledger.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { freePorts } from '../harness/ports.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { canMount, type SmallDisk, smallDisk } from './disk.ts'
import { answersAll, killAndWait, linesOf, manifest, warnings } from './observe.ts'

let disk: SmallDisk | undefined
let system: System | undefined
afterEach(async () => {
  disk?.free()
  await system?.stop()
  disk?.remove()
  system = undefined
  disk = undefined
})

const consumer = (name: string) => manifest('Consumer', name, {})
const consumers = async (system_: System) => {
  const { items } = await system_.control<{ items: { metadata: { name: string } }[] }>('GET', '/consumers')
  return items.map(({ metadata }) => metadata.name).sort()
}
describe.runIf(canMount)('a disk', () => {
  test('that fills up: requests go on, records are dropped and counted, changes are refused whole; and all is well when there is room', async () => {
    disk = smallDisk(192)
    mkdirSync(disk.home)
    system = await startSystem({ bootstrap: simulatedAssistant(), gateways: 2, home: disk.home })
    await answersAll(system, 10)
    expect(await warnings(system)).toBe('')
    const before = await consumers(system)

    disk.fill()
    await answersAll(system, 100)
    await expect.poll(() => warnings(system!), { timeout: 10_000 }).toMatch(/^The disk of \S+ is full/)
    await expect
      .poll(() => warnings(system!), { timeout: 10_000 })
      .toMatch(/gateway-\d: Request records are dropped \(\d+ so far\): The disk of \S+ is full\./)
    const status = await strata(['status'], { home: disk.home })
    expect(status.stdout).toMatch(/! The disk of \S+ is full.*Free some space/)

    // Two at once, and a token: none of it is there afterwards.
    await expect(system.control('POST', '/apply', { documents: [consumer('late-a'), consumer('late-b')] })).rejects.toThrow(
      /HTTP 507 .*"code":"disk_full".*"message":"The disk of .* is full.*"advice":"Free some space/,
    )
    await expect(system.control('POST', '/tokens', { name: 'late', role: 'viewer' })).rejects.toThrow(/"code":"disk_full"/)
    await expect(system.control('POST', '/keys', { consumer: 'default', name: 'late' })).rejects.toThrow(/"code":"disk_full"/)
    writeFileSync(join(tmpdir(), `late-${process.pid}.yaml`), JSON.stringify(consumer('late-c')))
    const applied = await strata(['apply', '-f', join(tmpdir(), `late-${process.pid}.yaml`)], { home: disk.home })
    rmSync(join(tmpdir(), `late-${process.pid}.yaml`))
    expect(applied.code).not.toBe(0)
    expect(applied.stderr).toMatch(/The disk of \S+ is full/)
    expect(await consumers(system)).toEqual(before)

    // Whoever is killed now is back all the same.
    for (const name of ['gateway-0', 'control']) await killAndWait(system, name)
    await answersAll(system, 20)
    expect(await consumers(system)).toEqual(before)
    // A disk that is full is not filled with words about it.
    for (const name of ['control', 'gateway-0', 'gateway-1']) expect(linesOf(system, name, /full|ENOSPC/).length, name).toBeLessThan(12)

    disk.free()
    await expect.poll(() => warnings(system!), { timeout: 15_000 }).not.toMatch(/is full/)
    await system.control('POST', '/apply', { documents: [consumer('late-a'), consumer('late-b')] })
    expect(await consumers(system)).toEqual([...before, 'late-a', 'late-b'].sort())
    await answersAll(system, 10)
    await expect.poll(async () => (await countedRequests(system!)) - finishedRecords(system!).size, { timeout: 10_000 }).toBe(0)
    const counted = (await (await fetch(`${system.gatewayUrl}/metrics`)).text()).match(/^strata_records_dropped_total\S* (\d+)$/m)
    expect(counted).not.toBeNull()
  })

  test('that becomes read-only: requests go on, changes say why not', async () => {
    disk = smallDisk(192)
    mkdirSync(disk.home)
    system = await startSystem({ bootstrap: simulatedAssistant(), home: disk.home })
    await answersAll(system, 5)
    disk.readOnly(true)
    await answersAll(system, 50)
    await expect(system.control('POST', '/apply', { documents: [consumer('late')] })).rejects.toThrow(
      /"code":"read_only".*mounted read-only/,
    )
    await expect.poll(() => warnings(system!), { timeout: 10_000 }).toMatch(/mounted read-only/)
    disk.readOnly(false)
    await expect
      .poll(() => system!.control('POST', '/apply', { documents: [consumer('late')] }).then(() => 'applied', String), { timeout: 10_000 })
      .toBe('applied')
    await answersAll(system, 5)
  })

  test.each(['full', 'read-only'] as const)('that is %s at the start: said at once, with what to do', async (how) => {
    disk = smallDisk(2)
    mkdirSync(disk.home)
    if (how === 'full') disk.fill()
    else disk.readOnly(true)
    const [port] = await freePorts(1)
    const said = await strata(['up', '--port', String(port)], { home: disk.home, env: { STRATA_BOOTSTRAP: 'none' } })
    if (how === 'read-only') disk.readOnly(false)
    expect(said.code).toBe(1)
    expect(said.stderr).toMatch(
      how === 'full'
        ? /The disk of \S+ is full\. Free some space/
        : /The disk of \S+ is mounted read-only\. Mount it for writing, or set STRATA_HOME/,
    )
    expect(said.stderr).not.toMatch(/ {4}at /)
  })
})

test('a home that belongs to somebody else is refused in words', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-foreign-'))
  const home = join(folder, 'home')
  chmodSync(folder, 0o755)
  mkdirSync(home, { mode: 0o555 })
  const [port] = await freePorts(1)
  const as = canMount ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
  const said = await strata(['up', '--port', String(port)], { home, env: { STRATA_BOOTSTRAP: 'none' }, through: as })
  rmSync(folder, { recursive: true })
  expect(said.code).toBe(1)
  expect(said.stderr).toMatch(/may not write to \S+home\. Give the folder to that user \(chown\), or set STRATA_HOME to another one\./)
})
