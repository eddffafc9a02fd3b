/** Every command of `strata` with its arguments and flags. What a command does is in its own file under `commands/`, imported when it runs. */
import { Command, Option } from 'commander'

export function createProgram(): Command {
  const program = new Command('strata')
    .description('Language models and tensor models in production, from a laptop to a cluster.')
    .showHelpAfterError('(strata --help lists what there is)')
    .exitOverride()

  program
    .command('up')
    .description('Run the whole system on this machine, until Ctrl-C.')
    .option('--host <address>', 'address to listen on (others than loopback want TLS or --insecure)', '127.0.0.1')
    .option('--port <port>', 'port of the gateway (STRATA_GATEWAY_PORT; default 7400)')
    .option('--console-port <port>', 'port of the console and the control API (STRATA_CONSOLE_PORT; default: the one after the gateway)')
    .option('--gateways <n>', 'gateway processes that share the port (Linux)', '1')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .option('--insecure', 'listen on other addresses than loopback without TLS')
    .option('--cors-origin <origin>', 'let web pages of this origin call the gateway; may be repeated', collect)
    .action(async (flags) => (await import('./commands/up.ts')).up(flags))

  internal(program)
  return program
}

/** What the supervisor (or a container) starts: one process each. */
function internal(program: Command): void {
  program
    .command('control', { hidden: true })
    .description('Run the control process alone.')
    .addOption(new Option('--host <address>').default('127.0.0.1'))
    .addOption(new Option('--port <port>').default(7401).argParser(Number))
    .addOption(new Option('--gateways <n>').default(1).argParser(Number))
    .option('--gateway-url <url>', 'where the gateway is reached')
    .option('--tls-cert <file>')
    .option('--tls-key <file>')
    .action(async ({ tlsCert, tlsKey, ...options }) =>
      (await import('../control/main.ts')).runControl({ ...options, ...tlsFiles(tlsCert, tlsKey) }),
    )

  program
    .command('gateway', { hidden: true })
    .description('Run one gateway process alone.')
    .addOption(new Option('--id <name>').default('gateway-0'))
    .addOption(new Option('--host <address>').default('127.0.0.1'))
    .addOption(new Option('--port <port>').default(7400).argParser(Number))
    .addOption(new Option('--gateways <n>').default(1).argParser(Number))
    .option('--tls-cert <file>')
    .option('--tls-key <file>')
    .option('--cors-origin <origin>', 'may be repeated', collect)
    .action(async ({ tlsCert, tlsKey, corsOrigin, ...options }) =>
      (await import('../gateway/main.ts')).runGateway({ ...options, ...tlsFiles(tlsCert, tlsKey), corsOrigins: corsOrigin ?? [] }),
    )

  program
    .command('engine', { hidden: true })
    .description('Run one engine process alone.')
    .requiredOption('--config <file>', 'what to run')
    .action(async ({ config }) => (await import('../serving/engines/main.ts')).runEngine(config))
}

function tlsFiles(certFile: string | undefined, keyFile: string | undefined) {
  return certFile && keyFile ? { tls: { certFile, keyFile } } : {}
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
