/** `strata doctor`: looks at whatever usually goes wrong. Each failure says what to do about it. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { availableMemory } from 'node:process'
import type { SystemStatus } from '../../control/status.ts'
import { readCredentials } from '../../kernel/credentials.ts'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import { type Home, homeAt } from '../../kernel/home.ts'
import { formatBytes } from '../../kernel/units.ts'
import { listCached } from '../../serving/weights/index.ts'
import { checkPorts, HOME_FORMAT } from '../../supervisor/index.ts'
import { connectControl } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { fetchTrusting } from '../fetch-trusting.ts'
import { palette } from '../terminal.ts'
import { readUpOptions } from '../up-options.ts'

export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failure'
  readonly message: string
  readonly advice?: string
}

const ENOUGH_DISK = 1_000_000_000
const ENOUGH_MEMORY = 800_000_000
const CLOCK_TOLERANCE_MS = 60_000

export async function doctor(flags: { output?: string }): Promise<void> {
  const home = homeAt()
  const running = await isRunning(home)
  const checks: (() => Promise<Finding[]>)[] = [
    async () => [nodeFinding()],
    () => homeFindings(home),
    () => diskFindings(home),
    async () => [memoryFinding(availableMemory(), running)],
    () => engineFindings(),
    () => (running ? systemFindings(home) : portFindings()),
    () => modelFindings(home, running),
    () => clockFindings(home),
  ]
  const findings: Finding[] = []
  for (const check of checks) {
    try {
      findings.push(...(await check()))
    } catch (error) {
      findings.push({ check: 'doctor', state: 'failure', message: messageOf(error) })
    }
  }
  if (flags.output === 'json') console.log(JSON.stringify({ findings }, undefined, 2))
  else console.log(formatFindings(findings))
  if (findings.some(({ state }) => state === 'failure')) throw new Exit(EXIT.failed)
}

function formatFindings(findings: readonly Finding[]): string {
  const colour = palette()
  const signs = { ok: colour.green('✓'), warning: colour.yellow('!'), failure: colour.red('✗') }
  const lines = findings.map(
    ({ check, state, message, advice }) => `  ${signs[state]} ${check.padEnd(9)} ${message}${advice ? `\n              → ${advice}` : ''}`,
  )
  const failures = findings.filter(({ state }) => state === 'failure').length
  const warnings = findings.filter(({ state }) => state === 'warning').length
  const summary = failures + warnings === 0 ? 'Everything looks fine.' : `${failures} to mend, ${warnings} to look at.`
  return `${lines.join('\n')}\n\n  ${summary}`
}

function nodeFinding(): Finding {
  const [major = 0] = process.versions.node.split('.').map(Number)
  return major >= 24
    ? { check: 'Node', state: 'ok', message: process.versions.node }
    : {
        check: 'Node',
        state: 'failure',
        message: `${process.versions.node} is too old`,
        advice: 'Run through `npm start` or bin/strata.mjs, which bring Node 24.',
      }
}

async function homeFindings(home: Home): Promise<Finding[]> {
  if (!existsSync(home.root)) return [{ check: 'Home', state: 'ok', message: `${home.root} (not there yet; the first start makes it)` }]
  const probe = join(home.root, `.doctor-${process.pid}`)
  try {
    await writeFile(probe, '')
    await rm(probe)
  } catch (error) {
    return [
      {
        check: 'Home',
        state: 'failure',
        message: `${home.root} cannot be written: ${messageOf(error)}`,
        advice: 'Give it to your user (chown -R), or set STRATA_HOME to another folder.',
      },
    ]
  }
  const version = await readFile(join(home.root, 'version'), 'utf8').catch(() => '')
  const format = /"format":\s*(\d+)/.exec(version)?.[1]
  if (format !== undefined && Number(format) > HOME_FORMAT)
    return [
      {
        check: 'Home',
        state: 'failure',
        message: `${home.root} was written by a newer Strata`,
        advice: 'Update Strata, or set STRATA_HOME to another folder.',
      },
    ]
  const credentials = existsSync(home.credentials) ? await stat(home.credentials) : undefined
  if (credentials && (credentials.mode & 0o077) !== 0)
    return [
      { check: 'Home', state: 'warning', message: `${home.credentials} can be read by others`, advice: `chmod 600 ${home.credentials}` },
    ]
  return [{ check: 'Home', state: 'ok', message: home.root }]
}

async function diskFindings(home: Home): Promise<Finding[]> {
  let folder = home.root
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, bsize, files, ffree } = await statfs(folder)
  const free = bavail * bsize
  if (files > 0 && ffree < 1_000)
    return [
      {
        check: 'Disk',
        state: 'failure',
        message: `only ${ffree} more files fit on the disk of ${folder}`,
        advice: 'Remove small files there, or set STRATA_HOME to another disk.',
      },
    ]
  return free < ENOUGH_DISK
    ? [
        {
          check: 'Disk',
          state: free < ENOUGH_DISK / 5 ? 'failure' : 'warning',
          message: `${formatBytes(free)} free on the disk of ${folder}`,
          advice: '`strata weights gc` removes weights that nothing uses.',
        },
      ]
    : [{ check: 'Disk', state: 'ok', message: `${formatBytes(free)} free` }]
}

export function memoryFinding(available: number, running: boolean): Finding {
  if (running || available >= ENOUGH_MEMORY) return { check: 'Memory', state: 'ok', message: `${formatBytes(available)} available` }
  return {
    check: 'Memory',
    state: available < ENOUGH_MEMORY / 2 ? 'failure' : 'warning',
    message: `${formatBytes(available)} available; the default model wants about ${formatBytes(ENOUGH_MEMORY)} with everything around it`,
    advice: 'Close other programs, or lower contextSize and sequences of the ModelVersion.',
  }
}

/** Does llama.cpp's build for this machine load? */
function engineFindings(): Promise<Finding[]> {
  const probe = join(import.meta.dirname, '..', 'engine-probe.ts')
  return new Promise((done) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', probe], { timeout: 60_000 }, (error, _stdout, stderr) => {
      if (!error) return done([{ check: 'Engine', state: 'ok', message: `llama.cpp loads (${process.platform} ${process.arch})` }])
      const reason =
        stderr
          .split('\n')
          .find((line) => line.includes('Error'))
          ?.trim() ?? error.message.split('\n')[0]!
      const advice = 'Run `npm ci --ignore-scripts` in the folder of Strata; on Linux glibc 2.31 or newer is needed.'
      done([{ check: 'Engine', state: 'failure', message: `llama.cpp does not load: ${reason}`, advice }])
    })
  })
}

async function portFindings(): Promise<Finding[]> {
  const { host, port, consolePort } = readUpOptions({}, process.env)
  const ports = [
    { host, port, flag: 'port', variable: 'STRATA_GATEWAY_PORT' },
    { host, port: consolePort, flag: 'console-port', variable: 'STRATA_CONSOLE_PORT' },
  ]
  const findings: Finding[] = []
  for (const wanted of ports) {
    try {
      await checkPorts([wanted])
      findings.push({ check: 'Ports', state: 'ok', message: `${wanted.port} is free` })
    } catch (error) {
      if (!(error instanceof StrataError)) throw error
      findings.push({ check: 'Ports', state: 'failure', message: error.message, advice: error.advice })
    }
  }
  return findings
}

async function systemFindings(home: Home): Promise<Finding[]> {
  const client = connectControl()
  let system: SystemStatus
  try {
    system = await client.call<SystemStatus>('GET', '/status', undefined, AbortSignal.timeout(5_000))
  } catch (error) {
    return [
      { check: 'System', state: 'failure', message: `control does not answer: ${messageOf(error)}`, advice: 'See `strata logs control`.' },
    ]
  }
  const findings: Finding[] = system.processes
    .filter(({ state }) => state === 'waiting')
    .map(({ name, lastEnd }) => ({
      check: 'System',
      state: 'failure',
      message: `${name} ends again and again (${lastEnd})`,
      advice: `See \`strata logs ${name}\`.`,
    }))
  for (const { message, advice } of system.warnings) findings.push({ check: 'System', state: 'warning', message, advice })
  const ready = await fetchTrusting(readCredentials(home)?.tlsCertFile, `${system.gatewayUrl}/health/ready`, {
    signal: AbortSignal.timeout(3_000),
  }).then(
    (response) => (response.ok ? undefined : `HTTP ${response.status}`),
    (error: unknown) => messageOf((error as { cause?: unknown }).cause ?? error),
  )
  if (ready !== undefined)
    findings.push({
      check: 'System',
      state: 'failure',
      message: `the gateway at ${system.gatewayUrl} is not ready: ${ready}`,
      advice: 'See `strata logs gateway-0`.',
    })
  return findings.length > 0 ? findings : [{ check: 'System', state: 'ok', message: `running, gateway ${system.gatewayUrl}` }]
}

async function modelFindings(home: Home, running: boolean): Promise<Finding[]> {
  const cached = await listCached(home)
  if (cached.length > 0) {
    const bytes = cached.reduce((sum, one) => sum + one.bytes, 0)
    return [
      {
        check: 'Model',
        state: 'ok',
        message: `${cached.length === 1 ? cached[0]!.name : `${cached.length} files`} in the cache, ${formatBytes(bytes)}`,
      },
    ]
  }
  if (process.env.STRATA_OFFLINE === '1')
    return [
      {
        check: 'Model',
        state: 'failure',
        message: 'no weights are here, and STRATA_OFFLINE=1 allows no download',
        advice: 'Start once without it, or `strata weights pull file:/…`.',
      },
    ]
  const hub = await headOf(hubUrl())
  const pip = await hasPip()
  const message = `no weights are here${running ? '' : ' yet'}`
  if (hub || pip) return [{ check: 'Model', state: 'ok', message: `${message}; ${hub ? hubUrl() : 'pip'} is there to bring them` }]
  return [
    {
      check: 'Model',
      state: 'failure',
      message: `${message}, and neither ${hubUrl()} nor pip is there to bring them`,
      advice: 'Connect to a network (HTTPS_PROXY is honoured), or install pip; until then the simulated engine answers.',
    },
  ]
}

/** Expiry of keys and TLS hang on the clock. Compared with the file system's and with a web server's. */
async function clockFindings(home: Home): Promise<Finding[]> {
  const findings: Finding[] = []
  if (existsSync(home.root)) {
    await mkdir(home.run, { recursive: true, mode: 0o700 })
    const probe = join(home.run, `.clock-${process.pid}`)
    await writeFile(probe, '')
    const { mtimeMs } = await stat(probe)
    await rm(probe)
    findings.push(...clockFinding(mtimeMs - Date.now(), 'the disk of STRATA_HOME'))
  }
  const answered = process.env.STRATA_OFFLINE === '1' ? undefined : await headOf(hubUrl())
  if (answered?.date) findings.push(...clockFinding(Date.parse(answered.date) - Date.now(), new URL(hubUrl()).host))
  return findings.length > 0 ? findings : [{ check: 'Clock', state: 'ok', message: new Date().toISOString() }]
}

export function clockFinding(aheadMs: number, other: string): Finding[] {
  if (!(Math.abs(aheadMs) > CLOCK_TOLERANCE_MS)) return []
  const minutes = Math.round(Math.abs(aheadMs) / 60_000)
  return [
    {
      check: 'Clock',
      state: 'warning',
      message: `this machine's clock is ${minutes} min ${aheadMs > 0 ? 'behind' : 'ahead of'} that of ${other}`,
      advice: 'Switch time synchronisation on (timedatectl set-ntp true); keys expire by this clock.',
    },
  ]
}

const hubUrl = () => (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '')

async function headOf(url: string): Promise<{ date: string | undefined } | undefined> {
  const { EnvHttpProxyAgent, request } = await import('undici')
  const dispatcher = new EnvHttpProxyAgent({ connect: { timeout: 3_000 }, headersTimeout: 3_000 })
  try {
    const { headers, body } = await request(url, { method: 'HEAD', dispatcher, signal: AbortSignal.timeout(4_000) })
    await body.dump()
    return { date: typeof headers.date === 'string' ? headers.date : undefined }
  } catch {
    return undefined // not reachable: that is the finding
  } finally {
    await dispatcher.destroy()
  }
}

function hasPip(): Promise<boolean> {
  return new Promise((done) => execFile('python3', ['-m', 'pip', '--version'], { timeout: 5_000 }, (error) => done(!error)))
}

async function isRunning(home: Home): Promise<boolean> {
  if (!readCredentials(home)) return false
  return new Promise((done) => {
    const socket = connect(home.socket('supervisor'))
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}
