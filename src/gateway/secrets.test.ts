import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { backendSecret } from './secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'strata-secrets-'))
const file = join(folder, 'secret')
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

test('a file is read again after ten seconds, and one that is being written is not kept', () => {
  writeFileSync(file, '')
  expect(() => backendSecret({ file }, 0)).toThrow(`The gateway has no credentials for a backend: the file ${file} is empty.`)
  writeFileSync(file, 'first\n')
  expect(backendSecret({ file }, 1)).toBe('first')
  writeFileSync(file, 'second\n')
  expect([backendSecret({ file }, 9_000), backendSecret({ file }, 11_000)]).toEqual(['first', 'second'])
})

test('no credentials are a reason to say so, not to send none', () => {
  vi.stubEnv('KEY_OF_A_TEST', '')
  const missing = { code: 'secret_missing', message: expect.stringContaining('KEY_OF_A_TEST is empty') }
  expect(() => backendSecret({ env: 'KEY_OF_A_TEST' }, 0)).toThrow(expect.objectContaining(missing))
})
