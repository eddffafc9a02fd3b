import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { readSecret } from './secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'strata-secrets-'))
const file = join(folder, 'secret')
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

test('a variable as it is, a file without the line’s end', () => {
  vi.stubEnv('SECRET_OF_A_TEST', ' as it is ')
  writeFileSync(file, 'sk-1\n')
  expect([readSecret({ env: 'SECRET_OF_A_TEST' }), readSecret({ file })]).toEqual([' as it is ', 'sk-1'])
})

test('what is not there is said by its place', () => {
  expect(() => readSecret({ env: 'SECRET_OF_NO_TEST' })).toThrow('the environment variable SECRET_OF_NO_TEST is not set')
  expect(() => readSecret({ file: join(folder, 'none') })).toThrow(`the file ${join(folder, 'none')} cannot be read (ENOENT)`)
})

test('those of Strata itself are nobody’s to name, nor by another way', () => {
  vi.stubEnv('STRATA_DATABASE_URL', 'postgres://secret')
  expect(() => readSecret({ env: 'STRATA_DATABASE_URL' })).toThrow('STRATA_DATABASE_URL is a variable of Strata itself')
  const home = join(folder, 'home')
  mkdirSync(home)
  writeFileSync(join(home, 'credentials'), 'admin')
  symlinkSync(join(home, 'credentials'), join(folder, 'link'))
  for (const path of [join(home, 'credentials'), join(folder, 'link'), join(home, '..', 'home', 'credentials')])
    expect(() => readSecret({ file: path }, home)).toThrow(`${path} lies in Strata's own home`)
})

test('what is no plain file of a secret’s size is not read', () => {
  writeFileSync(join(folder, 'long'), 'x'.repeat(65_537))
  expect(() => readSecret({ file: join(folder, 'long') })).toThrow('cannot be read (more than 64 KiB)')
  for (const path of [folder, '/dev/zero']) expect(() => readSecret({ file: path })).toThrow(`the file ${path} cannot be read`)
})
