import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Home, homeAt, makeHome } from '../kernel/home.ts'
import { bringHomeUpToDate } from './home-format.ts'

let home: Home
const version = () => readFileSync(join(home.root, 'version'), 'utf8')
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'strata-format-')))
  makeHome(home)
})
afterEach(() => rmSync(home.root, { recursive: true }))

test('a fresh home gets our format, once', () => {
  expect(bringHomeUpToDate(home)).toBeUndefined()
  expect(version()).toBe('{"format":1}\n')
  expect(bringHomeUpToDate(home)).toBeUndefined()
})

test('an older home is migrated step by step, after the database was copied aside', () => {
  writeFileSync(join(home.root, 'version'), '{"format":1}')
  mkdirSync(home.database)
  writeFileSync(join(home.database, 'rows'), 'old')
  const steps: string[] = []
  const migrations = {
    1: (h: Home) => {
      steps.push(`1 → 2, aside: ${readFileSync(join(`${h.database}.before-format-2`, 'rows'), 'utf8')}`)
      writeFileSync(join(h.database, 'rows'), 'new')
    },
    2: () => void steps.push('2 → 3'),
  }
  expect(bringHomeUpToDate(home, 3, migrations)).toEqual({ migratedFrom: 1, copy: `${home.database}.before-format-2` })
  expect(steps).toEqual(['1 → 2, aside: old', '2 → 3'])
  expect(version()).toBe('{"format":3}\n')
  expect(readFileSync(join(home.database, 'rows'), 'utf8')).toBe('new')
  expect(readFileSync(join(`${home.database}.before-format-2`, 'rows'), 'utf8')).toBe('old')
})

test('a migration that fails half-way goes on where it stopped, and the first copy stays', () => {
  writeFileSync(join(home.root, 'version'), '{"format":1}')
  mkdirSync(home.database)
  writeFileSync(join(home.database, 'rows'), 'old')
  let broken = true
  const done: number[] = []
  const migrations = {
    1: () => void done.push(1),
    2: (h: Home) => {
      writeFileSync(join(h.database, 'rows'), 'half')
      if (broken) throw new Error('no')
      done.push(2)
    },
  }
  expect(() => bringHomeUpToDate(home, 3, migrations)).toThrow('no')
  expect(version()).toBe('{"format":2}\n')
  broken = false
  bringHomeUpToDate(home, 3, migrations)
  expect(done).toEqual([1, 2])
  expect(readFileSync(join(`${home.database}.before-format-2`, 'rows'), 'utf8')).toBe('old')
})

test.each([
  ['{"format":2}', 'was written by a newer Strata (format 2; this one knows 1)'],
  ['{"form', 'does not say which format the home has'],
  ['{"format":"one"}', 'does not say which format the home has'],
])('%s is refused in words, and left as it is', (text, words) => {
  writeFileSync(join(home.root, 'version'), text)
  expect(() => bringHomeUpToDate(home)).toThrow(words)
  expect(version()).toBe(text)
  expect(existsSync(`${home.database}.before-format-2`)).toBe(false)
})
