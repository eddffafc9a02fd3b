/** The commands of scaling and orchestration: releases, experiments, autoscaling and what plans it. What each does is in `commands/`. */
import { type Command, Option } from 'commander'
import { namespaced, output } from './flags.ts'

export function autoscaling(program: Command): void {
  const autoscale = program.command('autoscale').description('How many instances versions should have by their policies, and why.')
  namespaced(autoscale.command('get').description('All versions with a policy: bounds, wanted, ready, load, reason.'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(output('json'))
    .action(async (flags) => (await import('./commands/autoscale.ts')).listScaling(flags))
  namespaced(
    autoscale
      .command('explain')
      .description('One version: its policy, what is measured of it, and every change of the number of its instances with its reason.')
      .argument('<name>', 'name of the ModelVersion'),
  )
    .option('--hours <n>', 'how far back', '1')
    .option('--inputs', 'what each change was decided from')
    .addOption(output('json'))
    .action(async (name, flags) => (await import('./commands/autoscale.ts')).explainScaling(name, flags))
}

export function releases(program: Command): void {
  const rollout = program.command('rollout').description('Releases: look at one as it goes on, and tell it what to do.')
  namespaced(
    rollout
      .command('get')
      .description(
        'One release: its steps, both versions side by side, what is proven and what is missing. Without a name the table of all.',
      )
      .argument('[name]', 'name of the Rollout'),
  )
    .option('-w, --watch', 'anew every second until it is over, or q; ends with 0 only if it was promoted')
    .addOption(output('json'))
    .action(async (name, flags) => (await import('./commands/rollout.ts')).getRollout(name, flags))
  const tells = (word: string, description: string) =>
    namespaced(rollout.command(word).description(description).argument('<name>', 'name of the Rollout')).addOption(output('json'))
  const tell = async (action: string, name: string, flags: { namespace: string; output?: string }) =>
    (await import('./commands/rollout.ts')).tellRollout(action, name, flags)
  tells('pause', 'Stay at the weight of now, until `resume` or `promote`. Harm still rolls it back.').action((name, flags) =>
    tell('pause', name, flags),
  )
  tells('resume', 'Go on after a pause.').action((name, flags) => tell('resume', name, flags))
  tells('promote', 'Take the next weight now, whatever it waits for.')
    .option('--full', 'all of the traffic, at once')
    .action((name, { full, ...flags }) => tell(full ? 'promote-full' : 'promote', name, flags))
  tells('abort', 'Send everything to the old version again.').action((name, flags) => tell('abort', name, flags))
  tells('retry', 'Begin one that was rolled back anew, its evidence too.').action((name, flags) => tell('retry', name, flags))
  tells('undo', 'Send everything to the old version again, after it was promoted.').action((name, flags) => tell('undo', name, flags))
}

export function experiments(program: Command): void {
  const experiment = program
    .command('experiment')
    .description('A/B tests: look at one as it goes on, end it, write down what it has found.')
  namespaced(
    experiment
      .command('get')
      .description('One experiment: each arm with its effect, what is proven and what is missing. Without a name the table of all.')
      .argument('[name]', 'name of the Experiment'),
  )
    .option('-w, --watch', 'anew every second until it is decided, or q; ends with 0 once it is decided')
    .addOption(output('json'))
    .action(async (name, flags) => (await import('./commands/experiment.ts')).getExperiment(name, flags))
  namespaced(
    experiment
      .command('stop')
      .description('End it undecided: all callers go where the route says again.')
      .argument('<name>', 'name of the Experiment'),
  )
    .addOption(output('json'))
    .action(async (name, flags) => (await import('./commands/experiment.ts')).stopExperiment(name, flags))
  namespaced(
    experiment
      .command('report')
      .description('One HTML file with all that was asked and found, to be sent around. It needs nothing else.')
      .argument('<name>', 'name of the Experiment'),
  )
    .option('--out <file>', 'where to; - for standard output (NAME.html unless said)')
    .action(async (name, flags) => (await import('./commands/experiment.ts')).reportExperiment(name, flags))
}

export function planning(program: Command): void {
  program
    .command('simulate')
    .description('What an autoscaling policy would have done with a trace. Asks no running system.')
    .option(
      '--trace <file>',
      'requests to replay: CSV, JSON lines, or request records of Strata; - for standard input; without one they are generated',
    )
    .addOption(
      new Option('--policy <policy>', 'objective, knative, hpa, keda, fixed:12, schedule:08:00=10+20:00=3; a number after ":" is its knob')
        .default('objective')
        .conflicts('compare'),
    )
    .option('--compare <policies>', 'several, with commas, instead of --policy')
    .option('--objective <duration>', 'first tokens later than that are misses', '2s')
    .option('--startup <duration>', 'from the creation of an instance until it serves', '60s')
    .option('--min <n>', 'fewest instances; 0 lets the last one go when nobody asks', '1')
    .option('--max <n>', 'most instances', '100')
    .option('--cooldown <duration>', 'none leaves within so long of the last change, as `cooldown.down` of a version', '0s')
    .option('--scale <times>', 'so many times the requests of the trace')
    .option('--hours <n>', 'repeat the trace for so long')
    .option('--daily <share>', 'let the rate swing over the day, 0 to 1', '0')
    .option('--curve <file>', 'how fast an instance is: JSON (docs/autoscaling.md), or "records": as the records of --trace show it')
    .option('--shape <shape>', 'what is generated without a trace: conversation, code, long', 'conversation')
    .option('--seed <n>', 'chance that repeats', '1')
    .option('--warmup <duration>', 'neither misses nor cost count before', '10m')
    .option('--timeout <duration>', 'who has waited so long for the first token leaves', '30s')
    .option('--queue <n>', 'who finds so many waiting at the least busy instance is refused', '100')
    .option('--chart <file>', 'draw load, instances and misses: .html or .svg')
    .option('--decisions', 'every change with its reason')
    .addOption(output('json'))
    .action(async (flags) => (await import('./commands/simulate.ts')).simulate(flags))
}
