/** `strata experiment`: one A/B test live, ended by hand, or as a report. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'
import { experimentReport } from '../../resources/experiment-report.ts'
import { type Experiment, isExperimenting } from '../../resources/experiment-view.ts'
import { connectControl } from '../control-client.ts'
import { experimentLines } from '../experiment/screen.ts'
import { getResource, orNearest } from '../resource-access.ts'
import { printSeen, type Watched, watchUntilOver } from '../watch.ts'
import { whoHasIt } from '../who-has-it.ts'
import { get } from './get.ts'

export interface ExperimentFlags {
  readonly namespace: string
  readonly watch?: boolean
  readonly output?: string
}

/** Without a name the table of all. */
export async function getExperiment(name: string | undefined, flags: ExperimentFlags): Promise<void> {
  const { namespace, watch, output } = flags
  if (name === undefined) {
    if (watch) throw new StrataError('usage', '--watch wants the name of one experiment.', { advice: 'See: strata experiment get' })
    return get('experiments', [], { namespace, ...(output === undefined ? {} : { output }) })
  }
  const client = connectControl()
  const json = output === 'json'
  const watched: Watched<Experiment> = {
    look: (signal) => getResource(client, 'Experiment', namespace, name, signal),
    resource: (experiment) => experiment,
    isOver: (experiment) => !isExperimenting(experiment),
    lines: (experiment, size, away) => experimentLines(experiment, size, Date.now(), away),
  }
  const first = await getResource(client, 'Experiment', namespace, name)
  if (watch) await watchUntilOver(first, watched, { json })
  else printSeen(first, watched, { json })
}

export async function stopExperiment(name: string, { namespace, output }: Omit<ExperimentFlags, 'watch'>): Promise<void> {
  const client = connectControl()
  const path = `/experiments/${encodeURIComponent(name)}/stop?namespace=${encodeURIComponent(namespace)}`
  const { experiment, confirmed } = await orNearest(client, { kind: 'Experiment', namespace, name }, () =>
    client.call<{ experiment: Experiment; confirmed: boolean }>('POST', path),
  )
  if (output === 'json') return console.log(JSON.stringify(experiment, undefined, 2))
  const label = `Experiment/${namespace === 'default' ? '' : `${namespace}/`}${name}`
  console.log(
    `~ ${label}: stopped, inconclusive; all callers go where Route/${experiment.spec.route} says; ${await whoHasIt(client, confirmed)}`,
  )
  console.log(`  What was found until now: strata experiment report ${name}${namespace === 'default' ? '' : ` -n ${namespace}`}`)
}

export async function reportExperiment(
  name: string,
  { namespace, out = `${name}.html` }: { readonly namespace: string; readonly out?: string },
): Promise<void> {
  const experiment = await getResource(connectControl(), 'Experiment', namespace, name)
  const html = experimentReport(experiment, Date.now())
  if (out === '-') return void process.stdout.write(html)
  const path = resolve(out)
  try {
    await writeFile(path, html)
  } catch (error) {
    throw unwritable(path, error)
  }
  const words = isExperimenting(experiment) ? 'as far as it has come' : 'with its decision'
  console.log(`Experiment/${name}, ${words}: ${path}`)
}

function unwritable(path: string, error: unknown): StrataError {
  const advice: Record<string, string> = {
    ENOENT: 'Is there the folder? Name another place with --out.',
    EACCES: 'Name another place with --out.',
    EROFS: 'Name another place with --out.',
    EISDIR: 'It is a folder: name a file with --out.',
  }
  const known = advice[systemCode(error) ?? '']
  return new StrataError('unwritable', `${path} cannot be written: ${messageOf(error)}.`, {
    cause: error,
    ...(known === undefined ? {} : { advice: known }),
  })
}
