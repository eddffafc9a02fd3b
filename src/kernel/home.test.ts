import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ensureCredentials, readCredentials } from './credentials.ts'
import { homeAt, makeHome } from './home.ts'

const folder = mkdtempSync(join(tmpdir(), 'strata-home-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a home is made with all that is above it, for its user alone, and once', () => {
  const home = homeAt(join(folder, 'deep', 'down'))
  makeHome(home)
  makeHome(home)
  expect(statSync(home.run).mode & 0o777).toBe(0o700)
})

const file = join(folder, 'file')
writeFileSync(file, '')
test.each<readonly [string, string, string]>([
  ['a file', file, `The folder ${file} cannot be made: something that is no folder has that name.`],
  ['below a file', join(file, 'below'), `The folder ${join(file, 'below')} cannot be made: something above it is no folder.`],
  ...(process.platform === 'linux'
    ? [['where nothing can be made', '/proc/strata', 'The folder /proc/strata cannot be made: nothing can be made there.'] as const]
    : []),
])('a home that is %s is refused in words', (_, root, message) => {
  expect(() => makeHome(homeAt(root))).toThrow(expect.objectContaining({ code: 'no_folder', message, advice: expect.any(String) }))
})

test('credentials by hand, for a system elsewhere, need not be whole; for one of its own they must', () => {
  const home = homeAt(join(folder, 'by-hand'))
  makeHome(home)
  writeFileSync(home.credentials, '{ "consoleUrl": "https://strata.example", "adminToken": "t" }')
  expect(readCredentials(home)).toMatchObject({ adminToken: 't' })
  expect(() => ensureCredentials(home)).toThrow(expect.objectContaining({ code: 'credentials_damaged' }))
})

test.each(['', 'garbage', '{ "apiKey": "sk-', 'null', '[]', '{ "apiKey": 1 }'])('credentials that are damaged are told of: %j', (text) => {
  const home = homeAt(join(folder, 'damaged'))
  makeHome(home)
  writeFileSync(home.credentials, text)
  expect(() => readCredentials(home)).toThrow(`${home.credentials} does not hold what Strata wrote there`)
  expect(() => ensureCredentials(home)).toThrow(expect.objectContaining({ code: 'credentials_damaged' }))
})

test('credentials are made once', () => {
  const home = homeAt(join(folder, 'sound'))
  makeHome(home)
  expect(readCredentials(home)).toBeUndefined()
  const made = ensureCredentials(home)
  expect(ensureCredentials(home)).toEqual(made)
  expect(statSync(home.credentials).mode & 0o777).toBe(0o600)
})
