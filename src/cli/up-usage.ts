/** What `strata up` prints when the system stands: five lines that one can use as they are. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import type { Credentials } from '../kernel/credentials.ts'
import type { Home } from '../kernel/home.ts'
import type { ControlClient } from './control-client.ts'
import { fetchTrusting } from './fetch-trusting.ts'
import type { Palette } from './terminal.ts'
import type { UpOptions } from './up-options.ts'

/** Gateway, console, key, a line to paste (where there is a model to ask), how to stop. */
export async function usageText(
  options: UpOptions,
  credentials: Credentials,
  client: ControlClient,
  home: Home,
  colour: Palette,
): Promise<string> {
  const login = await client.call<{ url: string }>('POST', '/login-links', { role: 'admin' })
  const model = await firstModel(options, credentials)
  const row = (name: string, value: string, note = '') =>
    `  ${colour.bold(name.padEnd(9))} ${note ? `${value.padEnd(33)}  ${colour.dim(note)}` : value}`
  return [
    '',
    row('Gateway', options.gatewayUrl, `OPENAI_BASE_URL=${options.gatewayUrl}/v1`),
    row('Console', login.url, 'opens once, then use `strata login`'),
    row('API key', credentials.apiKey, `stored in ${tilde(home.credentials)}`),
    ...(model === undefined
      ? [row('Models', 'none yet: npx strata apply -f FILE', 'examples/ has some')]
      : [
          row(
            'Try',
            `curl ${curlFlags(options)} ${options.gatewayUrl}/v1/chat/completions -H "Authorization: Bearer ${credentials.apiKey}" \\`,
          ),
          `              -H 'content-type: application/json' -d ${shellQuoted(JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello!' }] }))}`,
        ]),
    row('Stop', 'Ctrl-C (running answers finish first)'),
    '',
  ].join('\n')
}

/** One that the key may ask for; undefined where there is none. */
async function firstModel(options: UpOptions, credentials: Credentials): Promise<string | undefined> {
  try {
    const response = await fetchTrusting(credentials.tlsCertFile, `${options.gatewayUrl}/v1/models`, {
      headers: { authorization: `Bearer ${credentials.apiKey}` },
      signal: AbortSignal.timeout(2_000),
    })
    const ids = ((await response.json()) as { data?: { id: string }[] }).data?.map(({ id }) => id) ?? []
    return ids.includes('assistant') ? 'assistant' : ids[0]
  } catch {
    return 'assistant' // only the example's model name hangs on it
  }
}

/** The line must work as it stands: where curl would not trust the certificate (self-signed, or made for another name), it says so. */
function curlFlags({ tls, gatewayUrl }: UpOptions): string {
  if (!tls) return '-sN'
  const certificate = new X509Certificate(readFileSync(tls.cert))
  const host = new URL(gatewayUrl).hostname.replace(/^\[|\]$/g, '')
  const covers = certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined
  return covers && certificate.subject !== certificate.issuer ? '-sN' : '-skN'
}

const shellQuoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const tilde = (path: string) => (path.startsWith(`${homedir()}/`) ? `~${path.slice(homedir().length)}` : path)
