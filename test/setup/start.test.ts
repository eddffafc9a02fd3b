/** `npm start` in a fresh copy of the repository, at a path with spaces: all the set-up, then the system; said again, it starts warm. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePorts } from '../harness/ports.ts'
import { cleanEnvironment, noneLeft, processesOf, root } from '../harness/system.ts'

let folder: string
let copy: string
let home: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-start-'))
  copy = join(folder, 'a clone with spaces')
  home = join(folder, 'home of a user')
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
  for (const file of tracked) {
    if (!existsSync(join(root, file))) continue // deleted, and not committed yet
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    copyFileSync(join(root, file), join(copy, file))
  }
})
afterAll(() => {
  for (const { pid } of processesOf(home)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

interface Started {
  readonly child: ChildProcess
  readonly exited: Promise<number | NodeJS.Signals>
  output(): string
}

/** In a process group of its own, as a terminal starts it. npm hands what it was itself told on to the scripts it runs: not that of this test run. */
function npm(args: readonly string[], env: Record<string, string> = {}): Started {
  const inherited = Object.fromEntries(
    Object.entries(cleanEnvironment()).filter(([name]) => !/^npm_(?!config_(registry|cache|userconfig|cafile|.*proxy))/.test(name)),
  )
  const child = spawn('npm', args, {
    cwd: copy,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, STRATA_HOME: home, STRATA_BOOTSTRAP: 'none', ...env },
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk))
  const exited = new Promise<number | NodeJS.Signals>((done) => child.once('close', (code, signal) => done(signal ?? code ?? -1)))
  return { child, exited, output: () => text }
}

async function ready(started: Started, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!/^ {2}Stop /m.test(started.output())) {
    if (started.child.exitCode !== null || performance.now() > end) throw new Error(`It did not start:\n${started.output()}`)
    await sleep(50)
  }
}

test('without a network it says so, what to do, and how it ends; nothing is left half-made', { timeout: 120_000 }, async () => {
  const started = npm(['start'], {
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_cache: join(folder, 'empty cache'),
    npm_config_fetch_retries: '0',
  })
  expect(await started.exited).toBe(1)
  expect(started.output()).toMatch(/^ {2}✗ Packages: npm does not reach its registry \(ECONNREFUSED\)\. Is there a network\? .*$/m)
  expect(started.output()).not.toMatch(/at .*setup\.mjs/)
  expect(existsSync(join(copy, 'node_modules', '.strata-setup.json'))).toBe(false)
})

test('all the set-up, the system, a Ctrl-C; and once more from what is there, without a network', { timeout: 300_000 }, async () => {
  const [port, consolePort] = await freePorts(2)
  const flags = ['start', '--', '--port', String(port), '--console-port', String(consolePort)]
  const cold = npm(flags)
  await ready(cold, 200_000)
  expect(cold.output()).toMatch(/^Strata 0\.1\.0$/m)
  expect(cold.output()).toMatch(/^ {2}✓ Packages +\d+\.\d s$/m)
  expect(cold.output()).toMatch(/^ {2}✓ Console +\d+\.\d s$/m)
  expect(cold.output()).toContain(`Gateway   http://127.0.0.1:${port}`)
  expect(cold.output()).not.toContain('\x1b')
  const page = await fetch(`http://127.0.0.1:${consolePort}/`)
  expect(page.status).toBe(200)
  // The whole group gets it, and npm hands it on besides: still one Ctrl-C.
  process.kill(-cold.child.pid!, 'SIGINT')
  await cold.exited
  expect(cold.output()).toMatch(/^ {2}Stopped\.$/m)
  await noneLeft(home, 5_000)

  const warm = npm(flags, { STRATA_OFFLINE: '1', npm_config_cache: join(folder, 'empty cache') })
  await ready(warm, 60_000)
  expect(warm.output()).not.toMatch(/✓|Strata 0/)
  process.kill(-warm.child.pid!, 'SIGTERM')
  await warm.exited
  await noneLeft(home, 5_000)
})

test('the command line of the clone, by npx and by its file', { timeout: 60_000 }, async () => {
  const npx = npm(['exec', '--', 'strata', '--version'])
  expect(await npx.exited).toBe(0)
  expect(npx.output().trim()).toBe('0.1.0')
  const direct = execFileSync(process.execPath, [join(copy, 'bin', 'strata.mjs'), '--version'], { encoding: 'utf8', cwd: tmpdir() })
  expect(direct).toBe('0.1.0\n')
})

test('the console is built again when its sources changed, and only then', { timeout: 120_000 }, async () => {
  const setUp = () =>
    execFileSync(
      process.execPath,
      ['-e', `import('./scripts/setup.mjs').then((m) => m.setUp({ dev: false })).then(({ worked }) => console.log('worked', worked))`],
      {
        cwd: copy,
        encoding: 'utf8',
      },
    )
  expect(setUp()).toBe('worked false\n')
  writeFileSync(join(copy, 'console', 'src', 'added.css'), '')
  expect(setUp()).toMatch(/✓ Console .*\nworked true\n$/)
  expect(setUp()).toBe('worked false\n')
})
