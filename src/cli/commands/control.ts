/**
 * `strata control`. Under the supervisor the home is locked and the credentials are there. Alone (a container) it does for itself what `strata up`
 * does before it starts anything, so that the gateways that share the home find credentials; the home's lock keeps a second system out as ever.
 */
import { resolve } from 'node:path'
import { type ControlOptions, runControl } from '../../control/main.ts'
import { ensureCredentials, writeCredentials } from '../../kernel/credentials.ts'
import { homeAt } from '../../kernel/home.ts'
import { createLog } from '../../kernel/log.ts'
import { ownHome } from '../../supervisor/index.ts'
import { presetApiKey, urlHere } from '../up-options.ts'

export async function control(options: ControlOptions): Promise<void> {
  if (process.send === undefined) await prepareHome(options)
  await runControl(options)
}

async function prepareHome({ host, port, gatewayUrl, tls }: ControlOptions): Promise<void> {
  const home = homeAt()
  const apiKey = presetApiKey(process.env)
  const log = createLog('control')
  const owned = await ownHome(home, (pids) => log.info('waiting for processes of the last run, which are finishing', { pids }))
  // Held to the end of the process: it would go with the object that holds it.
  process.once('exit', owned.release)
  if (owned.migrated) log.info('the home was brought up to date', owned.migrated)
  const { gatewayUrl: knownGatewayUrl, ...secrets } = ensureCredentials(home, apiKey)
  writeCredentials(home, {
    ...secrets,
    gatewayUrl: gatewayUrl ?? knownGatewayUrl,
    consoleUrl: urlHere(host, port, tls !== undefined),
    tlsCertFile: tls && resolve(tls.certFile),
  })
}
