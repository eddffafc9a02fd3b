/**
 * A whole system for a test: `strata up` as a process of its own, on a temporary home and free ports, gone without a trace afterwards.
 * Without `bootstrap` it starts empty (no model); `bootstrap` is the text of the manifests that it starts with.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCredentials } from '../../src/kernel/credentials.ts'
import { systemCode } from '../../src/kernel/errors.ts'
import { type Home, homeAt } from '../../src/kernel/home.ts'
import type { ProcessStatus } from '../../src/kernel/supervision.ts'
import { freePorts } from './ports.ts'

export const root = join(import.meta.dirname, '..', '..')
export const mainFile = join(root, 'src', 'cli', 'main.ts')
export const nodeFlags = ['--disable-warning=ExperimentalWarning']

export interface SystemOptions {
  /** Manifests, YAML. */
  readonly bootstrap?: string
  readonly gateways?: number
  readonly env?: Readonly<Record<string, string>>
  /** A program, with its arguments, that starts `strata up` in its own place: `prlimit`, `faketime`. */
  readonly through?: readonly string[]
  /** More flags of `strata up`. */
  readonly args?: readonly string[]
  /** A home that is there already; it is not removed at the end. */
  readonly home?: string
  /** How long the start may take. Default 60 s. */
  readonly startTimeoutMs?: number
}

export interface System {
  readonly home: string
  readonly gatewayUrl: string
  readonly consoleUrl: string
  readonly apiKey: string
  readonly adminToken: string
  /** Of the process `strata up`. */
  readonly pid: number
  processes(): Promise<ProcessStatus[]>
  /** Waits until `accept` holds of what runs; throws after `timeoutMs` (20 s). */
  until(accept: (processes: readonly ProcessStatus[]) => boolean, timeoutMs?: number): Promise<ProcessStatus[]>
  /** SIGKILL to the process of that name. Returns its pid. */
  kill(name: string): Promise<number>
  /** Calls the control API as admin. */
  control<T = unknown>(method: string, path: string, body?: unknown): Promise<T>
  /** A signal to `strata up`; resolves with its exit code (or signal) when it is gone. */
  signal(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
  /** Ctrl-C; checks that no process of this home is left; removes the home. May be called twice. */
  stop(): Promise<void>
  /** What `strata up` printed, and the log files of all processes. */
  logs(): string
  [Symbol.asyncDispose](): Promise<void>
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const home = homeAt(options.home ?? mkdtempSync(join(tmpdir(), 'strata-system-')))
  const [port, consolePort] = await freePorts(2)
  let bootstrap = 'none'
  if (options.bootstrap !== undefined) {
    bootstrap = join(home.root, 'bootstrap.yaml')
    writeFileSync(bootstrap, options.bootstrap)
  }
  const [program, ...programArgs] = [...(options.through ?? []), process.execPath]
  const child = spawn(
    program!,
    [
      ...programArgs,
      ...nodeFlags,
      mainFile,
      'up',
      '--port',
      String(port),
      '--console-port',
      String(consolePort),
      '--gateways',
      String(options.gateways ?? 1),
      ...(options.args ?? []),
    ],
    {
      env: { ...cleanEnvironment(), STRATA_HOME: home.root, STRATA_BOOTSTRAP: bootstrap, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  const exited = Promise.withResolvers<number | NodeJS.Signals>()
  child.stdout.on('data', (chunk: Buffer) => (output += chunk))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk))
  child.once('error', exited.reject)
  child.once('exit', (code, signal) => exited.resolve(code ?? signal ?? 0))
  // A test run that ends badly must not leave a system behind.
  const lastResort = () => killAllOf(home.root)
  process.once('exit', lastResort)

  const logs = () => `${output}\n${readLogs(home)}`
  const giveUp = async (why: string): Promise<never> => {
    killAllOf(home.root)
    const said = logs()
    if (options.home === undefined) rmSync(home.root, { recursive: true, force: true })
    throw new Error(`${why}\n${said}`)
  }
  const deadline = performance.now() + (options.startTimeoutMs ?? 60_000)
  while (!/^ {2}Stop /m.test(output)) {
    if (child.exitCode !== null || child.signalCode !== null) await giveUp('strata up ended before it was ready.')
    if (performance.now() > deadline) await giveUp('strata up was not ready in time.')
    await sleep(50)
  }
  const credentials = readCredentials(home)!
  const processes = () => supervisorCall<ProcessStatus[]>(home, 'GET', '/processes')
  let stopped: Promise<void> | undefined

  const system: System = {
    home: home.root,
    gatewayUrl: credentials.gatewayUrl!,
    consoleUrl: credentials.consoleUrl!,
    apiKey: credentials.apiKey,
    adminToken: credentials.adminToken,
    pid: child.pid!,
    processes,
    until: async (accept, timeoutMs = 20_000) => {
      const end = performance.now() + timeoutMs
      for (;;) {
        const now = await processes()
        if (accept(now)) return now
        if (performance.now() > end) throw new Error(`It did not come to that: ${JSON.stringify(now)}\n${logs()}`)
        await sleep(50)
      }
    },
    async kill(name) {
      const pid = (await processes()).find((one) => one.name === name)?.pid
      if (pid === undefined) throw new Error(`No process ${name} runs.`)
      process.kill(pid, 'SIGKILL')
      return pid
    },
    async control<T>(method: string, path: string, body?: unknown): Promise<T> {
      const response = await fetch(`${credentials.consoleUrl}/api/v1alpha1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${credentials.adminToken}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${text}`)
      return (text ? JSON.parse(text) : undefined) as T
    },
    signal(signal) {
      child.kill(signal)
      return exited.promise
    },
    stop() {
      stopped ??= (async () => {
        try {
          if (child.exitCode === null && child.signalCode === null) {
            child.kill('SIGINT')
            const how = await Promise.race([exited.promise, sleep(45_000, 'late' as const, { ref: false })])
            if (how === 'late') throw new Error(`strata up did not stop within 45 s.\n${logs()}`)
          }
          await noneLeft(home.root, 5_000)
        } finally {
          killAllOf(home.root)
          process.off('exit', lastResort)
          if (options.home === undefined) rmSync(home.root, { recursive: true, force: true, maxRetries: 5 })
        }
      })()
      return stopped
    },
    logs,
    [Symbol.asyncDispose]: () => system.stop(),
  }
  return system
}

/** Throws when a process of this home is still there after `timeoutMs`. */
export async function noneLeft(home: string, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const left = processesOf(home)
    if (left.length === 0) return
    if (performance.now() > end)
      throw new Error(`Processes of ${home} are left: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`)
    await sleep(50)
  }
}

/** Processes whose environment names this home: whoever the supervisor started, whatever became of it. Linux only; elsewhere the recorded pids. */
export function processesOf(home: string): { pid: number; command: string }[] {
  if (process.platform !== 'linux') return recordedProcesses(home)
  const found: { pid: number; command: string }[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    try {
      if (!readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0').includes(`STRATA_HOME=${home}`)) continue
      if (/\) [ZX] /.test(readFileSync(`/proc/${entry}/stat`, 'utf8'))) continue
      found.push({ pid: Number(entry), command: readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ') })
    } catch {
      // ended meanwhile, or another user's
    }
  }
  return found
}

function recordedProcesses(home: string): { pid: number; command: string }[] {
  try {
    const children = JSON.parse(readFileSync(join(home, 'run', 'children.json'), 'utf8')) as { pid: number }[]
    return children.filter(({ pid }) => isAlive(pid)).map(({ pid }) => ({ pid, command: '' }))
  } catch {
    return [] // no run folder any more
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

function killAllOf(home: string): void {
  for (const { pid } of processesOf(home)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone already
    }
  }
}

export function supervisorCall<T>(home: Home, method: string, path: string, body?: unknown): Promise<T> {
  return new Promise((done, fail) => {
    const sent = request({ socketPath: home.socket('supervisor'), method, path, timeout: 5_000 }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk))
      response.on('end', () => {
        if (response.statusCode === 200) done(JSON.parse(text) as T)
        else fail(new Error(`supervisor: HTTP ${response.statusCode} ${text}`))
      })
    })
    sent.on('error', fail)
    sent.on('timeout', () => sent.destroy(new Error('the supervisor does not answer')))
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** What the machine sets for Strata must not reach a test; what it sets for the network must. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(STRATA_|VITEST|NODE_ENV$|NO_COLOR$|FORCE_COLOR$)/.test(name))
  return Object.fromEntries(kept)
}

function readLogs(home: Home): string {
  try {
    return readdirSync(home.logs)
      .map((name) => `--- ${name}\n${readFileSync(join(home.logs, name), 'utf8').slice(-4_000)}`)
      .join('\n')
  } catch {
    return '' // not that far
  }
}
