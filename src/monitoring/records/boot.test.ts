import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nextBoot } from './boot.ts'

test('a boot comes after all before it, also when the clock was set back an hour', () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-boot-'))
  mkdirSync(join(folder, 'gateway-0'))
  const noon = 1_700_000_000_000
  const boots: string[] = []
  for (const now of [noon, noon + 5_000, noon - 3_600_000, noon - 3_600_000, noon - 3_599_000, noon + 60_000]) {
    const boot = nextBoot(folder, 'gateway-0', now)
    writeFileSync(join(folder, 'gateway-0', `${boot}-000001.ndjson`), '')
    boots.push(boot)
  }
  expect(boots).toEqual([...boots].sort())
  expect(new Set(boots.map((boot) => boot.slice(0, 10))).size).toBe(boots.length)
  expect(nextBoot(folder, 'gateway-1', noon).slice(0, 10)).toBe(boots[0]!.slice(0, 10)) // of its own
  rmSync(folder, { recursive: true })
})
