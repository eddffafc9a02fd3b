/** What `strata up` was told, by flags and environment, checked before anything starts. Pure. */
import { StrataError } from '../kernel/errors.ts'

export interface UpFlags {
  readonly host?: string
  readonly port?: string
  readonly consolePort?: string
  readonly gateways?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly insecure?: boolean
  readonly corsOrigin?: readonly string[]
  readonly recordPrompts?: boolean
}

export interface UpOptions {
  readonly host: string
  readonly port: number
  readonly consolePort: number
  readonly gateways: number
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly corsOrigins: readonly string[]
  readonly apiKey: string | undefined
  /** What is asked goes into the request records. */
  readonly recordPrompts: boolean
  /** Where people and programs on this machine reach them. */
  readonly gatewayUrl: string
  readonly consoleUrl: string
}

export function readUpOptions(flags: UpFlags, env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): UpOptions {
  const host = flags.host ?? '127.0.0.1'
  const port = portOf(flags.port, '--port') ?? portOf(env.STRATA_GATEWAY_PORT, 'STRATA_GATEWAY_PORT') ?? 7400
  const consolePort =
    portOf(flags.consolePort, '--console-port') ??
    portOf(env.STRATA_CONSOLE_PORT, 'STRATA_CONSOLE_PORT') ??
    // Beside the gateway, so that one flag is enough for a second system.
    (port < 65_535 ? port + 1 : port - 1)

  const gateways = Number(flags.gateways ?? 1)
  if (!Number.isInteger(gateways) || gateways < 1 || gateways > 64)
    throw usage(`--gateways ${flags.gateways} is not a number of gateways.`, 'Say a whole number from 1 to 64.')
  if (gateways > 1 && platform !== 'linux')
    throw usage('Several gateways on one port need Linux (SO_REUSEPORT).', 'Leave --gateways out here.')

  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) throw usage('--tls-cert and --tls-key go together.', 'Give both.')
  const tls = flags.tlsCert && flags.tlsKey ? { cert: flags.tlsCert, key: flags.tlsKey } : undefined
  if (!isLoopback(host) && !tls && !flags.insecure)
    throw usage(
      `On ${host} API keys would travel unencrypted.`,
      'Give --tls-cert and --tls-key, or --insecure when something in front of Strata encrypts.',
    )

  for (const origin of flags.corsOrigin ?? [])
    if (origin !== '*' && !(URL.canParse(origin) && new URL(origin).origin === origin))
      throw usage(`--cors-origin ${origin} is not an origin.`, 'It looks like https://app.example.com, without a path; "*" allows all.')

  return {
    host,
    port,
    consolePort,
    gateways,
    tls,
    corsOrigins: flags.corsOrigin ?? [],
    apiKey: presetApiKey(env),
    recordPrompts: flags.recordPrompts ?? env.STRATA_RECORD_PROMPTS === '1',
    gatewayUrl: urlHere(host, port, tls !== undefined),
    consoleUrl: urlHere(host, consolePort, tls !== undefined),
  }
}

/** The first API key, where somebody wants to choose it. */
export function presetApiKey({ STRATA_API_KEY }: NodeJS.ProcessEnv): string | undefined {
  if (!STRATA_API_KEY) return undefined
  // What can stand in a header and in the line that people paste into a shell. The key itself is not repeated here: it may be a real one.
  if (!/^[\w.~+/=-]{16,256}$/.test(STRATA_API_KEY))
    throw usage('STRATA_API_KEY is not usable as a key.', 'It needs 16 to 256 letters, digits or any of . _ ~ + / = -')
  return STRATA_API_KEY
}

/** Where a server that listens on `host` is reached from its own machine. */
export function urlHere(host: string, port: number, encrypted: boolean): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `${encrypted ? 'https' : 'http'}://${reachable}:${port}`
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function portOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw usage(`${name} ${text} is not a port.`, 'Ports are whole numbers from 1 to 65535.')
  return port
}

const usage = (message: string, advice: string) => new StrataError('usage', message, { advice })
