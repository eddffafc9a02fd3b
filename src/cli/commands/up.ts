/**
 * `strata up`: the whole system on this machine. Starts the supervisor in this process, follows what control says about the default model,
 * prints how to use it, and stays until it is told to go.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { SystemStatus, VersionStatus } from '../../control/status.ts'
import { type Credentials, ensureCredentials, writeCredentials } from '../../kernel/credentials.ts'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import { type Home, homeAt } from '../../kernel/home.ts'
import { programVersion } from '../../kernel/program-version.ts'
import type { ProcessStatus } from '../../kernel/supervision.ts'
import { checkPorts, ownHome, type Supervisor, startSupervisor } from '../../supervisor/index.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { StopSignals } from '../stop-signals.ts'
import { LiveLine, palette, progressText, RateMeter } from '../terminal.ts'
import { readUpOptions, type UpFlags, type UpOptions } from '../up-options.ts'
import { type Step, stepOf, warningsOf } from '../up-progress.ts'
import { usageText } from '../up-usage.ts'

const DRAIN_MS = 30_000
/** A process that ends this often before the system stands will not come up by waiting. */
const HOPELESS_RESTARTS = 4

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const mainFile = join(root, 'src', 'cli', 'main.ts')

export async function up(flags: UpFlags): Promise<void> {
  const env = process.env
  const options = readUpOptions(flags, env)
  if (options.tls) checkCertificate(options.tls)

  const home = homeAt()
  const colour = palette()
  const line = new LiveLine()
  const firstRun = !existsSync(home.database)
  // The set-up has printed the name already when it had something to do.
  if (firstRun && !env.STRATA_HEADER_PRINTED) console.log(colour.bold(`Strata ${programVersion()}`))

  const owned = await ownHome(home, (pids) => line.show(`Waiting for ${pids.length} processes of the last run, which are finishing`))
  line.done()
  if (owned.migrated)
    console.log(`  ✓ ${home.root} brought up to date${owned.migrated.copy ? `; the old database is in ${owned.migrated.copy}` : ''}`)

  const stop = new StopSignals()
  try {
    await checkPorts([
      { host: options.host, port: options.port, flag: 'port', variable: 'STRATA_GATEWAY_PORT' },
      { host: options.host, port: options.consolePort, flag: 'console-port', variable: 'STRATA_CONSOLE_PORT' },
    ])
    const credentials: Credentials = {
      ...ensureCredentials(home, options.apiKey),
      gatewayUrl: options.gatewayUrl,
      consoleUrl: options.consoleUrl,
      tlsCertFile: options.tls && resolve(options.tls.cert),
    }
    writeCredentials(home, credentials)

    let announced = false
    const supervisor = await startSupervisor({
      home,
      ...commandLines(options),
      env: childEnvironment(env, home, options),
      onChange: (status) => {
        if (announced) reportEnd(status)
      },
    })
    let exitCode: number = EXIT.ok
    try {
      await raceStop(stop, bringUp(home, options, credentials, supervisor, line, firstRun, stop.asked))
      announced = true
      await stop.first
    } catch (error) {
      line.done()
      process.stderr.write(`  ${palette(process.stderr).red('✗')} ${messageOf(error)}\n`)
      exitCode = EXIT.failed
    }
    await shutDown(supervisor, stop, line, exitCode)
  } finally {
    stop.close()
    owned.release()
  }
}

/** A pair that does not fit would only show as processes that end again and again. */
function checkCertificate({ cert, key }: { cert: string; key: string }): void {
  for (const file of [cert, key])
    if (!existsSync(file))
      throw new StrataError('usage', `There is no file ${file}.`, { advice: '--tls-cert and --tls-key name PEM files.' })
  try {
    createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) })
  } catch (error) {
    throw new StrataError('usage', `${cert} and ${key} are not a certificate and its key.`, {
      advice: 'Both are PEM files, the key without a passphrase.',
      cause: error,
    })
  }
}

async function shutDown(supervisor: Supervisor, stop: StopSignals, line: LiveLine, exitCode: number): Promise<never> {
  line.show('Stopping', 'running answers finish first, at most 30 s; Ctrl-C again ends them now')
  const drained = supervisor.drain(DRAIN_MS).then(() => 'drained' as const)
  const how = await Promise.race([drained, stop.second.then(() => 'forced' as const)])
  if (how === 'forced') {
    line.show('Ending all processes now')
    await supervisor.kill()
  }
  line.done(how === 'forced' ? '  Stopped; running answers were cut.' : '  Stopped.')
  throw new Exit(how === 'forced' ? EXIT.interrupted : exitCode)
}

/**
 * A small nursery: what lives through a collection of it is what requests in flight and streams that have just begun hold, and it is copied while
 * everybody waits. While streams open that is 8 to 14 ms once a second with V8's own 16 MB, and 2 to 3 ms with 2 MB; but with many requests in flight a
 * small nursery is full, and all of them copied, before they are over: with 256 a request costs up to an eighth more with 2 MB than with 4.
 *
 * Without pretenuring: V8 may take the headers and closures of requests for long-lived (whether it does is decided early, and differs from start
 * to start) and makes them in the old generation from then on, where they keep alive whatever they hold. Collections took 5 to 10 ms instead
 * of 1 to 2, and 15 % of all garbage waited for a full one.
 */
const GATEWAY_FLAGS = ['--max-semi-space-size=4', '--no-allocation-site-pretenuring']

/** How each child is started: Node and its flags, then our main file with what it is to be. */
function commandLines(options: UpOptions) {
  const { host, tls } = options
  const encrypted = tls ? ['--tls-cert', resolve(tls.cert), '--tls-key', resolve(tls.key)] : []
  const common = ['--host', host, '--gateways', String(options.gateways), ...encrypted]
  return {
    command: [process.execPath, '--disable-warning=ExperimentalWarning'] as const,
    control: [mainFile, 'control', '--port', String(options.consolePort), '--gateway-url', options.gatewayUrl, ...common],
    gateways: Array.from({ length: options.gateways }, (_, i) => ({
      name: `gateway-${i}`,
      args: [
        ...GATEWAY_FLAGS,
        mainFile,
        'gateway',
        '--id',
        `gateway-${i}`,
        '--port',
        String(options.port),
        ...common,
        ...options.corsOrigins.flatMap((origin) => ['--cors-origin', origin]),
      ],
    })),
    engineArguments: (configPath: string) => [mainFile, 'engine', '--config', configPath],
  }
}

function childEnvironment(env: NodeJS.ProcessEnv, home: Home, { recordPrompts }: UpOptions): NodeJS.ProcessEnv {
  const { STRATA_API_KEY: _key, STRATA_HEADER_PRINTED: _header, STRATA_RECORD_PROMPTS: _prompts, ...rest } = env
  return { ...rest, STRATA_HOME: home.root, ...(recordPrompts ? { STRATA_RECORD_PROMPTS: '1' } : {}) }
}

/** Follows the start until the default model answers (or a simulated one in its place), then prints how to use it. */
async function bringUp(
  home: Home,
  options: UpOptions,
  credentials: Credentials,
  supervisor: Supervisor,
  line: LiveLine,
  firstRun: boolean,
  signal: AbortSignal,
): Promise<void> {
  const client = connectControl(home, {})
  const colour = palette()
  const rate = new RateMeter()
  let readySince = performance.now()
  let downloaded = false
  let step: Step
  for (;;) {
    signal.throwIfAborted()
    refuseHopeless(supervisor.processes(), home)
    const status = await statusOf(client, signal)
    const gatewaysReady = supervisor.processes().every((one) => one.role !== 'gateway' || one.state === 'ready')
    step = stepOf(status, gatewaysReady)
    if (step.is === 'done') break
    if (step.is === 'fetching') {
      downloaded = true
      const { receivedBytes, bytes, file } = step.version.weights!
      const rest = progressText(receivedBytes!, bytes, rate.add(performance.now(), receivedBytes!))
      line.show(withoutExtension(file ?? step.version.name), rest)
      readySince = performance.now()
    } else if (step.is === 'version') line.show(`Starting ${step.version.model} ${step.version.version}`)
    else line.show(step.is === 'gateway' ? 'Starting the gateway' : 'Starting')
    await sleep(150, undefined, { signal })
  }
  const { status, version } = step
  const seconds = ((performance.now() - readySince) / 1000).toFixed(1)
  const ready = version && !version.simulated && version.instances.ready > 0
  line.done(
    ready && (firstRun || downloaded)
      ? `  ${colour.green('✓')} ${`${version.model} ${version.version} ready`.padEnd(44)} ${seconds.padStart(5)} s`
      : undefined,
  )

  for (const warning of warningsOf(status)) console.log(`  ${colour.red(`! ${warning}`)}`)
  if (options.recordPrompts)
    console.log(
      `  ${colour.yellow(`! What clients ask is recorded (--record-prompts), in ${home.records}; admins see it in the console.`)}`,
    )
  console.log(await usageText(options, credentials, client, home, colour))
  if (version?.simulated) followUntilReal(client, version, signal)
}

async function statusOf(client: ControlClient, signal: AbortSignal): Promise<SystemStatus | undefined> {
  try {
    return await client.call<SystemStatus>('GET', '/status', undefined, AbortSignal.any([signal, AbortSignal.timeout(5_000)]))
  } catch {
    return undefined // control is not up yet; refuseHopeless says when it will not be
  }
}

function refuseHopeless(processes: readonly ProcessStatus[], home: Home): void {
  const hopeless = processes.find((one) => one.role !== 'engine' && one.state === 'waiting' && one.restarts >= HOPELESS_RESTARTS)
  if (hopeless)
    throw new StrataError('no_start', `${hopeless.name} does not start (${hopeless.lastEnd}).`, {
      advice: `Its last words are in ${join(home.logs, `${hopeless.name}.log`)}.`,
    })
}

function followUntilReal(client: ControlClient, before: VersionStatus, signal: AbortSignal): void {
  const look = async () => {
    for (;;) {
      await sleep(3_000, undefined, { signal, ref: false })
      const now = (await statusOf(client, signal))?.versions.find(
        ({ name, namespace }) => name === before.name && namespace === before.namespace,
      )
      if (now && !now.simulated && now.instances.ready > 0) {
        console.log(`  ${palette().green('✓')} ${now.model} ${now.version} has its weights now: answers are real from here on.`)
        return
      }
    }
  }
  look().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

function reportEnd(status: ProcessStatus): void {
  if (status.lastEnd === undefined || status.pid !== undefined) return
  if (status.state === 'starting' && status.restarts > 0) console.log(`  ! ${status.name} ended (${status.lastEnd}); started again.`)
  if (status.state === 'waiting') {
    const seconds = Math.max(1, Math.round((status.retryAt! - status.since) / 1000))
    console.log(`  ! ${status.name} ended again (${status.lastEnd}); next start in ${seconds} s.`)
  }
}

/** What is going on, unless a signal ends it first. */
async function raceStop(stop: StopSignals, work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!stop.asked.aborted) throw error
  }
}

const withoutExtension = (file: string) => file.replace(/\.[A-Za-z0-9]+$/, '')
