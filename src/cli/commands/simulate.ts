/** `strata simulate`: what an autoscaling policy would have done with a trace, or several beside each other. Asks no running system. */
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import { parseDuration } from '../../kernel/units.ts'
import {
  type Bounds,
  choosePolicy,
  counted,
  POLICY_FORMS,
  type ServiceCurve,
  type Surroundings,
} from '../../orchestration/autoscaling/index.ts'
import {
  chartHtml,
  chartSvg,
  dayOf,
  durationOf,
  generate,
  LLAMA_70B,
  measure,
  type Outcome,
  type Requests,
  readTrace,
  simulate as replay,
  type Scenario,
  SHAPES,
  type Shape,
} from '../../orchestration/simulator/index.ts'
import { curveOfRecords, curveText, OF_THE_TRACE, readCurve } from '../service-curve.ts'
import { type Column, formatTable } from '../table.ts'

export interface SimulateFlags {
  readonly trace?: string
  readonly policy: string
  readonly compare?: string
  readonly objective: string
  readonly startup: string
  readonly min: string
  readonly max: string
  readonly cooldown: string
  readonly scale?: string
  readonly hours?: string
  readonly daily: string
  readonly curve?: string
  readonly shape: string
  readonly seed: string
  readonly warmup: string
  readonly timeout: string
  readonly queue: string
  readonly chart?: string
  readonly decisions?: boolean
  readonly output?: string
}

/** Length of what is generated where nothing is said. */
const GENERATED_HOURS = 2
const GENERATED_RATE = 6
const TICK_MS = 2_000
const CHART_POINTS = 480
const DECISIONS_KEPT = 100_000
/** Of one simulation: they are held in memory. */
const MOST_REQUESTS = 10_000_000
/** A load test of so many instances tells the objective policy how late share follows load. */
const TESTED_INSTANCES = 10

/** As --trace: standard input. */
const PIPED = '-'
const nameOf = (trace: string) => (trace === PIPED ? 'standard input' : trace)

export async function simulate(flags: SimulateFlags): Promise<void> {
  const world = readFlags(flags)
  const curve =
    flags.curve === undefined ? LLAMA_70B : flags.curve === OF_THE_TRACE ? await curveOfRecords(flags.trace) : await readCurve(flags.curve)
  const notes: string[] = []
  const trace = await load(flags, world, notes)
  const requests = world.scales ? spread(trace, flags, world) : trace
  if (durationOf(requests) <= world.warmupMs) throw tooShort(requests, flags.warmup)
  if (flags.curve === OF_THE_TRACE) notes.push(curveText(curve))
  if (flags.curve === undefined) notes.push(`Instances as ${curve.name} (measured by others); --curve FILE for your own.`)
  const tested = measure({ curve, trace: requests, objectiveMs: world.objectiveMs, instances: TESTED_INSTANCES })
  const known: Surroundings = {
    ...{ objectiveMs: world.objectiveMs, startupMs: world.startupMs, sequences: curve.sequences },
    ...{ curve: tested.points, costs: tested.costs, tokensOut: tested.tokensOut },
  }
  const cannotHold = tested.rate > 0 ? undefined : noFirstToken(curve, flags.objective)
  if (cannotHold) notes.push(cannotHold)
  const policies = world.policies.map((text) => policyNamed(text, known, cannotHold))
  const scenario: Scenario = {
    ...{ requests, curve, objectiveMs: world.objectiveMs, startupMs: world.startupMs, bounds: world.bounds },
    ...{ tickMs: TICK_MS, timeoutMs: world.timeoutMs, queue: world.queue, warmupMs: world.warmupMs },
    initial: Math.max(world.bounds.min, Math.min(world.bounds.max, Math.ceil((meanRate(requests) / tested.rate) * TESTED_INSTANCES))),
  }
  const timelineMs = Math.max(TICK_MS, Math.ceil(durationOf(requests) / CHART_POINTS / TICK_MS) * TICK_MS)
  const outcomes = policies.map((policy) => {
    const count = /^fixed:(\d+)$/.exec(policy.name)?.[1]
    const own =
      count === undefined ? scenario : { ...scenario, initial: Math.min(world.bounds.max, Math.max(world.bounds.min, Number(count))) }
    return replay(own, policy, { timelineMs, keepDecisions: DECISIONS_KEPT })
  })
  const title = `${flags.trace === undefined ? `${flags.shape}, seed ${flags.seed}` : basename(nameOf(flags.trace))}: objective ${flags.objective}, start-up ${flags.startup}`
  if (flags.chart !== undefined) await draw(flags.chart, outcomes, title)
  if (flags.output === 'json') console.log(JSON.stringify(asJson(flags, requests, curve, outcomes), undefined, 2))
  else print(flags, requests, outcomes, notes)
}

function tooShort(requests: Requests, warmup: string): StrataError {
  const took = durationOf(requests)
  const found = requests.length === 1 ? 'One request' : `${requests.length} requests, all at one time`
  return took === 0
    ? new StrataError('invalid', `${found}: nothing to scale by.`, { advice: 'A longer trace.' })
    : new StrataError('usage', `Only ${spanOf(took)} of requests, and the first ${warmup} do not count.`, {
        advice: 'A shorter --warmup, or more --hours.',
      })
}

const noFirstToken = ({ name }: ServiceCurve, objective: string) =>
  `An instance (${name}) that has a request for itself gives few first tokens within ${objective}: no number of them holds the objective.`

interface World {
  /** As they are written, one or several. */
  readonly policies: readonly string[]
  readonly objectiveMs: number
  readonly startupMs: number
  readonly warmupMs: number
  readonly timeoutMs: number
  readonly bounds: Bounds
  readonly queue: number
  readonly seed: number
  readonly daily: number
  readonly scale: number
  readonly hours: number | undefined
  /** The trace is not replayed as it is. */
  readonly scales: boolean
}

function readFlags(flags: SimulateFlags): World {
  const duration = (flag: string, text: string) => {
    const ms = parseDuration(text)
    if (ms === undefined || ms > 86_400_000)
      throw new StrataError('usage', `--${flag} ${text} is not a duration of at most a day.`, { advice: 'Write 500ms, 30s or 2m.' })
    return ms
  }
  const number = (flag: string, text: string, least: number, most: number, isWhole: boolean) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!(value >= least && value <= most) || (isWhole && !Number.isInteger(value)))
      throw new StrataError('usage', `--${flag} ${text} is not a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}.`)
    return value
  }
  const objectiveMs = duration('objective', flags.objective)
  if (objectiveMs === 0) throw new StrataError('usage', '--objective 0 can never be held.')
  const [min, max] = [number('min', flags.min, 0, 1000, true), number('max', flags.max, 1, 1000, true)]
  if (min > max) throw new StrataError('usage', `--min ${min} is more than --max ${max}.`)
  if (!SHAPES.includes(flags.shape as Shape)) throw new StrataError('usage', `--shape ${flags.shape} is none of ${SHAPES.join(', ')}.`)
  const daily = number('daily', flags.daily, 0, 1, false)
  return {
    ...{ policies: policiesOf(flags), objectiveMs, daily },
    bounds: { min, max, cooldownDownMs: duration('cooldown', flags.cooldown) },
    startupMs: duration('startup', flags.startup),
    warmupMs: duration('warmup', flags.warmup),
    timeoutMs: duration('timeout', flags.timeout),
    queue: number('queue', flags.queue, 1, 1_000_000, true),
    seed: number('seed', flags.seed, 0, 2 ** 32 - 1, true),
    scale: flags.scale === undefined ? 1 : number('scale', flags.scale, 0.001, 1000, false),
    hours: flags.hours === undefined ? undefined : number('hours', flags.hours, 0.1, 168, false),
    scales: flags.trace === undefined ? false : flags.scale !== undefined || flags.hours !== undefined || daily > 0,
  }
}

function policiesOf({ compare, policy }: SimulateFlags): string[] {
  const names = (compare ?? policy).split(',').map((name) => name.trim())
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new StrataError('usage', `--compare names ${JSON.stringify(twice)} twice.`)
  return names
}

async function load(flags: SimulateFlags, { seed, hours = GENERATED_HOURS, scale, daily }: World, notes: string[]): Promise<Requests> {
  if (flags.trace === undefined) {
    refuseTooMany(GENERATED_RATE * scale * hours * 3600)
    notes.push(`No --trace: ${hours} h of generated requests in the shape of ${flags.shape} traffic, --seed ${seed}.`)
    return generate({ shape: flags.shape as Shape, seed, hours, rate: GENERATED_RATE * scale, daily })
  }
  const name = nameOf(flags.trace)
  const { requests, bad, skipped, inMilliseconds } = await readTrace(name, flags.trace === PIPED ? process.stdin : undefined)
  if (bad.length > 0) {
    const shown = bad.slice(0, 5).map(({ line, problem }) => `line ${line}: ${problem}`)
    process.stderr.write(`${name}: ${counted(bad.length, 'line')} left out (${shown.join('; ')}${bad.length > 5 ? '; …' : ''}).\n`)
  }
  if (skipped > 0) notes.push(`${skipped === 1 ? '1 record is' : `${skipped} records are`} of no request that reached an instance.`)
  if (inMilliseconds) notes.push('Its times are taken for milliseconds: as seconds they would be thousands of years from now.')
  return requests
}

function spread(trace: Requests, { trace: path }: SimulateFlags, { scale, hours, seed, daily }: World): Requests {
  if (durationOf(trace) === 0)
    throw new StrataError('invalid', `${nameOf(path!)} holds ${counted(trace.length, 'request')} at one time: nothing to scale.`)
  refuseTooMany(meanRate(trace) * scale * (hours === undefined ? durationOf(trace) / 1000 : hours * 3600))
  return dayOf(trace, { hours: hours ?? durationOf(trace) / 3_600_000, rate: meanRate(trace) * scale, seed, swing: daily })
}

function refuseTooMany(requests: number): void {
  if (requests > MOST_REQUESTS)
    throw new StrataError(
      'usage',
      `That would be ${Math.round(requests / 1_000_000)} million requests, and ${MOST_REQUESTS / 1_000_000} million are the most.`,
      { advice: 'Fewer --hours, or less --scale.' },
    )
}

const meanRate = (requests: Requests) => (requests.length * 1000) / Math.max(1, durationOf(requests))

/** @param cannotHold Why nothing is known of load and late shares, which only `objective` goes by. */
function policyNamed(text: string, known: Surroundings, cannotHold: string | undefined) {
  if (cannotHold && /^objective(:|$)/.test(text))
    throw new StrataError('invalid', cannotHold, {
      advice: 'A longer --objective, or a faster --curve; the other policies run all the same.',
    })
  try {
    return choosePolicy(text, known)
  } catch (error) {
    if (error instanceof RangeError) throw new StrataError('usage', `${error.message}.`, { advice: `There are: ${POLICY_FORMS}.` })
    throw error
  }
}

async function draw(path: string, outcomes: readonly Outcome[], title: string): Promise<void> {
  const isSvg = path.endsWith('.svg')
  if (!isSvg && !path.endsWith('.html')) throw new StrataError('usage', `--chart ${path} ends in neither .svg nor .html.`)
  if (isSvg && outcomes.length > 1)
    throw new StrataError('usage', 'One picture shows one policy.', { advice: 'Several want --chart FILE.html.' })
  try {
    await writeFile(path, isSvg ? chartSvg(outcomes[0]!, title) : chartHtml(outcomes, title))
  } catch (error) {
    throw new StrataError('unwritable', `${path} cannot be written: ${messageOf(error)}.`, { cause: error })
  }
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`
/** Of none there is no median. */
const seconds = (ms: number) => (ms === 0 ? '–' : `${(ms / 1000).toFixed(2)} s`)

const COLUMNS: readonly Column<Outcome>[] = [
  { heading: 'POLICY', value: ({ policy }) => policy },
  { heading: 'MISSES', value: ({ missShare }) => percent(missShare), align: 'right' },
  { heading: 'LATE', value: ({ late }) => String(late), align: 'right' },
  { heading: 'REFUSED', value: ({ refused }) => String(refused), align: 'right' },
  { heading: 'TIMED OUT', value: ({ timedOut }) => String(timedOut), align: 'right' },
  { heading: 'FIRST TOKEN P50', value: ({ firstTokenP50Ms }) => seconds(firstTokenP50Ms), align: 'right' },
  { heading: 'P95', value: ({ firstTokenP95Ms }) => seconds(firstTokenP95Ms), align: 'right' },
  { heading: 'INSTANCE-HOURS', value: ({ instanceHours }) => instanceHours.toFixed(2), align: 'right' },
  { heading: 'MEAN', value: ({ meanInstances }) => meanInstances.toFixed(2), align: 'right' },
  { heading: 'MOST', value: ({ mostInstances }) => String(mostInstances), align: 'right' },
]

function spanOf(ms: number): string {
  if (ms < 120_000) return `${Number((ms / 1000).toPrecision(3))} s`
  return ms < 7_200_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

function print(flags: SimulateFlags, requests: Requests, outcomes: readonly Outcome[], notes: readonly string[]): void {
  for (const note of notes) console.log(note)
  console.log(
    `${requests.length.toLocaleString('en')} requests in ${spanOf(durationOf(requests))}; first tokens after ${flags.objective} are misses; a start takes ${flags.startup}.\n`,
  )
  console.log(formatTable(outcomes, COLUMNS))
  if (flags.decisions)
    for (const { policy, decisions } of outcomes) {
      console.log(`\n${policy}`)
      for (const { at, wanted, reason } of decisions) console.log(`  ${stamp(at)}  ${String(wanted).padStart(3)}  ${reason}`)
    }
  if (flags.chart !== undefined) console.log(`\nChart: ${flags.chart}`)
}

const stamp = (ms: number) => new Date(ms).toISOString().slice(11, 19)

function asJson(flags: SimulateFlags, requests: Requests, curve: ServiceCurve, outcomes: readonly Outcome[]) {
  return {
    trace: flags.trace ?? { shape: flags.shape, seed: Number(flags.seed) },
    requests: requests.length,
    seconds: durationOf(requests) / 1000,
    curve,
    objective: flags.objective,
    startup: flags.startup,
    policies: outcomes.map(({ timeline, decisions, ...rest }) => ({ ...rest, timeline, ...(flags.decisions ? { decisions } : {}) })),
  }
}
