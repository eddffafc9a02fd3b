/**
 * Strata's image as `deploy/Dockerfile` makes it, without a registry of any kind: its base is this machine's own Node, and the packages come along in
 * the build context, so that there is nothing to install. Asked of the daemon itself, since not every Docker brings a command to build with.
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { root } from '../harness/system.ts'
import type { DockerDaemon } from '../peers/dockerd.ts'

const run = promisify(execFile)
const BASE = 'strata-test/base:1'
const IMAGE = 'strata-test/strata:1'
/** What the steps of the Dockerfile call, beside Node. */
const PROGRAMS = ['/bin/sh', '/usr/bin/env', '/bin/mkdir', '/bin/chmod', '/bin/chown', '/bin/ln']
/** Of glibc, which every base has whole: packages of today name them, Node does not. */
const GLIBC = ['libdl.so.2', 'libpthread.so.0', 'librt.so.1']
const BUILD_TIMEOUT_MS = 170_000

type Tar = ChildProcessByStdio<null, Readable, null>

interface LockedPackage {
  readonly dev?: boolean
  readonly devOptional?: boolean
}

/** Builds it. Resolves with its name and what the layers over its base take. */
export async function buildStrataImage(daemon: DockerDaemon): Promise<{ image: string; ownBytes: number }> {
  await importBase(daemon)
  const query = new URLSearchParams({
    dockerfile: 'deploy/Dockerfile',
    t: IMAGE,
    buildargs: JSON.stringify({ BASE }),
    networkmode: 'none',
    forcerm: '1',
  })
  const said = await send(daemon, `/build?${query}`, buildContext())
  const failure = said.split('\n').find((line) => line.startsWith('{"errorDetail"'))
  if (failure) throw new Error(`The image was not built: ${said}`)
  const sizes = async (image: string) =>
    ((await daemon.ask('GET', `/images/${image}/history`)) as { Size: number }[]).reduce((sum, { Size }) => sum + Size, 0)
  return { image: IMAGE, ownBytes: (await sizes(IMAGE)) - (await sizes(BASE)) }
}

/** Packages that are no development's, by their folders at the top of node_modules: those of the program and of the console's build. */
export function productionPackages(): string[] {
  return topPackages(({ dev, devOptional }) => !dev && !devOptional)
}

export function developmentPackages(): string[] {
  return topPackages(({ dev, devOptional }) => dev === true || devOptional === true)
}

function topPackages(accept: (entry: LockedPackage) => boolean): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }
  return Object.entries(lock.packages).flatMap(([path, entry]) =>
    /^node_modules\/(?!.*\/node_modules\/)/.test(path) && existsSync(join(root, path)) && accept(entry) ? [path] : [],
  )
}

/** What `.dockerignore` lets through, as a tar, and the packages with npm's and our own word that they fit the lock file. */
function buildContext(): Tar {
  const rules = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && line !== '*' && !line.startsWith('#'))
  const named = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1))
  const leftOut = rules.filter((rule) => !rule.startsWith('!')).map((rule) => `--exclude=${rule.replace('**/', '')}`)
  const stamps = ['node_modules/.package-lock.json', 'node_modules/.strata-setup.json'].filter((path) => existsSync(join(root, path)))
  const members = [...named, 'deploy/Dockerfile', ...stamps, ...productionPackages()]
  return tarOf(root, members, leftOut)
}

/** This machine's Node, a shell and a few programs, with the libraries that they need. */
async function importBase(daemon: DockerDaemon): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-base-'))
  const put = (from: string, to = from) => {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    copyFileSync(from, join(folder, to))
  }
  try {
    const { stdout } = await run('ldd', [process.execPath, ...PROGRAMS])
    const libraries = stdout.match(/\/\S+\.so\S*/g) ?? []
    const beside = dirname(libraries.find((path) => basename(path).startsWith('libc.so'))!)
    for (const path of new Set([...libraries, ...GLIBC.map((name) => join(beside, name))])) put(path)
    for (const program of PROGRAMS) put(program)
    put(process.execPath, '/usr/local/bin/node')
    mkdirSync(join(folder, 'tmp'), { mode: 0o777 })
    mkdirSync(join(folder, 'etc'))
    writeFileSync(join(folder, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
    writeFileSync(join(folder, 'etc', 'group'), 'root:x:0:\n')
    const [repo, tag] = BASE.split(':')
    await send(daemon, `/images/create?fromSrc=-&repo=${repo}&tag=${tag}`, tarOf(folder, ['.']))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function tarOf(folder: string, members: readonly string[], options: readonly string[] = []): Tar {
  // Nobody's file but root's, as in a clone that the daemon would get from elsewhere.
  return spawn('tar', ['-c', '--owner=0', '--group=0', '-C', folder, ...options, ...members], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** A tar for the daemon. Resolves with all that it says to it; throws what is no 2xx. */
function send({ socketPath }: DockerDaemon, path: string, tar: Tar): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-tar' }
    const signal = AbortSignal.timeout(BUILD_TIMEOUT_MS)
    const asked = request({ socketPath, method: 'POST', path, headers, signal, agent: false }, (response) => {
      let said = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        said += text
      })
      response.once('end', () => (response.statusCode === 200 ? resolve(said) : reject(new Error(`POST ${path}: ${said}`))))
      response.once('error', reject)
    })
    asked.once('error', reject)
    tar.stdout.pipe(asked, { end: false })
    // Cut in the middle it must not pass for a whole one.
    tar.once('close', (code) => (code === 0 ? asked.end() : asked.destroy(new Error(`tar ended with ${code}`))))
  })
}
