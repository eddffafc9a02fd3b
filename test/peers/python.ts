/**
 * Python environments for the peers that are Python programs: made once a machine in `test/.cache` (or the folder that STRATA_TEST_CACHE
 * names), one for each list of requirements and each Python.
 *
 * An environment cannot be made aside and renamed: the programs in its `bin` name their interpreter by its whole path. So it is made where
 * it stays, under a lock, and counts once its file `ready` is there; what a killed run left half made is begun anew.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { sha256Hex } from '../../src/kernel/ids.ts'
import { takeLock } from '../../src/kernel/lock.ts'

const run = promisify(execFile)

const CACHE = process.env.STRATA_TEST_CACHE || join(import.meta.dirname, '..', '.cache')

/** What a `beforeAll` that may have to install a peer waits at most: the time limit of the pip runs and then some. */
export const INSTALL_TIMEOUT_MS = 15 * 60_000

export interface PythonEnvironment {
  /** What pip is asked for, pinned: `mlserver==1.7.1`. */
  readonly requirements: readonly string[]
  /** Installed before those, without what they ask for themselves. */
  readonly alone?: readonly string[]
  /** The interpreter. Default: `python3` on the PATH. */
  readonly python?: string
  /** Sees the packages of the system's own Python too. */
  readonly systemSitePackages?: boolean
}

/** The folder of the environment: its `bin` holds `python` and the programs of the packages. */
export async function pythonEnvironment(name: string, environment: PythonEnvironment): Promise<string> {
  const python = environment.python ?? 'python3'
  const made = await identityOf(python)
  const folder = join(CACHE, `${name}-${sha256Hex(JSON.stringify([environment, made])).slice(0, 12)}`)
  const ready = join(folder, 'ready')
  if (existsSync(ready)) return folder
  mkdirSync(CACHE, { recursive: true })
  const lock = await waitForLock(`${folder}.lock`)
  try {
    if (existsSync(ready)) return folder
    rmSync(folder, { recursive: true, force: true })
    await install(name, folder, python, environment)
    writeFileSync(ready, '')
    return folder
  } finally {
    lock.release()
  }
}

async function identityOf(python: string): Promise<string> {
  try {
    return (await run(python, ['-c', 'import ensurepip, sys; print(sys.version, sys.base_prefix)'])).stdout.trim()
  } catch (error) {
    throw new Error(`${python} with its venv module is not here. Install it (Debian: \`apt-get install python3-venv\`).`, { cause: error })
  }
}

async function install(name: string, folder: string, python: string, environment: PythonEnvironment): Promise<void> {
  const pip = async (...args: string[]) => {
    const command = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...args]
    await run(join(folder, 'bin', 'python'), command, { timeout: 10 * 60_000, maxBuffer: 64 * 2 ** 20 })
  }
  try {
    await run(python, ['-m', 'venv', ...(environment.systemSitePackages ? ['--system-site-packages'] : []), folder])
    if (environment.alone) await pip('--no-deps', ...environment.alone)
    await pip(...environment.requirements)
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`The Python environment of ${name} was not made: ${stderr || stdout || error}`, { cause: error })
  }
}

async function waitForLock(path: string) {
  const deadline = performance.now() + INSTALL_TIMEOUT_MS
  for (;;) {
    const lock = takeLock(path, { temporary: true })
    if ('release' in lock) return lock
    if (performance.now() > deadline) throw new Error(`Somebody holds ${path} and does not finish: ${JSON.stringify(lock.holder)}`)
    await sleep(200)
  }
}
