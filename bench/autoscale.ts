/**
 * Autoscaling policies beside each other: what each misses of the objective at what cost, on three traces of a day, with starts of 20, 60 and 180 s.
 *
 *   npx strata --node bench/autoscale.ts [--trace FILE …] [--startup 20,60,180] [--seed 1] [--no-grid] [--workers 2]
 *
 * One knob of each policy is swept; what counts is the frontier of misses over cost. A miss is a first token over the objective, refused, or timed out;
 * cost runs from creation to stop; the first ten minutes don't count. bench/autoscale/scenario.ts holds what is fixed.
 */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { costAt, frontierOf, missesAt, type Point } from './autoscale/frontier.ts'
import { type Done, type Job, run } from './autoscale/job.ts'
import { type Family, GRID, KNOBS, PEERS, type Peer, type Windows, windowsText } from './autoscale/policies.ts'
import { nameOf, type Source, sourcesOf } from './autoscale/scenario.ts'

const LEVELS = [0.01, 0.05]
/** Between two settings of a knob it is looked again so often. */
const CLOSER = 3
/** The peers are tuned for this start-up time. */
const TUNED_STARTUP = 60

type Ask = (job: Job) => Promise<Done>

async function study(): Promise<void> {
  const { values } = parseArgs({
    options: {
      trace: { type: 'string', multiple: true },
      startup: { type: 'string', default: '20,60,180' },
      seed: { type: 'string', default: '1' },
      'no-grid': { type: 'boolean', default: false },
      workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    },
  })
  const sources = sourcesOf(values.trace, Number(values.seed))
  const startups = values.startup.split(',').map(Number)
  const pool = createPool(Number(values.workers))
  const print = (...lines: string[]) => process.stdout.write(`${lines.join('\n')}\n`)
  try {
    const fixed = new Map(
      await Promise.all(sources.map(async (source) => [nameOf(source), await sweep(pool.ask, source, TUNED_STARTUP, 'fixed')] as const)),
    )
    const studies: Study[] = []
    for (const startup of startups) {
      const here = await Promise.all(sources.map((source) => studyOf(pool.ask, source, startup, fixed.get(nameOf(source))!)))
      studies.push(...here)
      for (const one of here) print(...frontierTable(one), '')
    }
    print(...comparison(studies), '')
    for (const startup of startups) print(...carriedOver(studies.filter((one) => one.startup === startup)), '')
    if (!values['no-grid'] && startups.includes(TUNED_STARTUP))
      print(
        ...(await tuned(
          pool.ask,
          sources,
          studies.filter((one) => one.startup === TUNED_STARTUP),
        )),
      )
  } finally {
    await pool.close()
  }
}

/** Each worker does one replay after the other; those of one trace stay with one worker where they can. */
function createPool(count: number): { readonly ask: Ask; close(): Promise<void> } {
  const idle = Array.from({ length: Math.max(1, count) }, () => new Worker(new URL(import.meta.url)))
  const all = [...idle]
  const waiting: (() => void)[] = []
  return {
    async ask(job) {
      while (idle.length === 0) await new Promise<void>((free) => waiting.push(free))
      const worker = idle.pop()!
      try {
        const answer = once(worker, 'message')
        worker.postMessage(job)
        return ((await answer) as [Done])[0]
      } finally {
        idle.push(worker)
        waiting.shift()?.()
      }
    },
    async close() {
      await Promise.all(all.map((worker) => worker.terminate()))
    },
  }
}

/** All knobs of the first look, then closer around the levels. */
async function sweep(ask: Ask, source: Source, startupSeconds: number, family: Family, windows?: Windows): Promise<Done[]> {
  const one = (knob: number) => ask({ source, startupSeconds, setting: { family, knob, ...(windows ? { windows } : {}) } })
  // Of the many windows of a grid every second knob is enough to find where to look closer.
  const points = await Promise.all(KNOBS[family].filter((_, i) => !windows || i % 2 === 1).map(one))
  if (family === 'fixed' || family === 'clairvoyant') return points
  for (const level of LEVELS) await closer(points, one, ({ missShare }) => missShare <= level)
  return points
}

/** `reached` holds for dear settings and not for cheap ones: the knob between the last that does not and the first that does is tried. */
async function closer(points: Done[], one: (knob: number) => Promise<Done>, reached: (point: Point) => boolean): Promise<void> {
  for (let i = 0; i < CLOSER; i++) {
    const frontier = frontierOf(points)
    const first = frontier.findIndex(reached)
    if (first < 1) return
    const [left, right] = [frontier[first - 1]!, frontier[first]!]
    points.push(await one(Math.sqrt(left.knob * right.knob)))
  }
}

interface Study {
  readonly source: Source
  readonly name: string
  readonly startup: number
  readonly points: Readonly<Record<Family, readonly Done[]>>
}

async function studyOf(ask: Ask, source: Source, startup: number, fixed: Done[]): Promise<Study> {
  const families = [...PEERS, 'objective', 'clairvoyant'] as const
  const sweeps = await Promise.all(families.map((family) => sweep(ask, source, startup, family)))
  const points = Object.fromEntries([['fixed', fixed], ...families.map((family, i) => [family, sweeps[i]!])]) as Record<Family, Done[]>
  for (const level of LEVELS) {
    const cost = bestPeer(points, level)?.cost
    const one = (knob: number) => ask({ source, startupSeconds: startup, setting: { family: 'objective', knob } })
    if (cost !== undefined) await closer(points.objective, one, (point) => point.cost >= cost)
    const still = costAt(fixed, level)
    if (still !== undefined) await closer(points.objective, one, (point) => point.cost >= still)
  }
  return { source, name: nameOf(source), startup, points }
}

function bestPeer(points: Study['points'], level: number): { peer: Peer; cost: number } | undefined {
  return PEERS.flatMap((peer) => {
    const cost = costAt(points[peer], level)
    return cost === undefined ? [] : [{ peer, cost }]
  }).sort((a, b) => a.cost - b.cost)[0]
}

const percent = (share: number | undefined) => (share === undefined ? '–' : `${(share * 100).toPrecision(share < 0.0995 ? 2 : 3)} %`)
const instances = (cost: number | undefined) => (cost === undefined ? '–' : cost.toFixed(2))
const change = (ours: number | undefined, theirs: number | undefined) =>
  ours === undefined || theirs === undefined ? '–' : `${ours <= theirs ? '−' : '+'}${Math.abs((ours / theirs - 1) * 100).toFixed(0)} %`

const SHOWN_LEVELS = [0.001, 0.003, 0.01, 0.03, 0.05, 0.1]

function frontierTable({ name, startup, points }: Study): string[] {
  const { requests, rate } = points.fixed[0]!
  return [
    `### ${name}, start-up ${startup} s (${requests.toLocaleString('en')} requests, ${rate.toFixed(2)} a second)`,
    '',
    `| mean instances for misses of | ${SHOWN_LEVELS.map(percent).join(' | ')} |`,
    `|---|${SHOWN_LEVELS.map(() => '---:').join('|')}|`,
    ...(['knative', 'hpa', 'keda', 'fixed', 'objective', 'clairvoyant'] as const).map(
      (family) => `| ${family} | ${SHOWN_LEVELS.map((level) => instances(costAt(points[family], level))).join(' | ')} |`,
    ),
  ]
}

function comparison(studies: readonly Study[]): string[] {
  return [
    '### At the cost at which the best peer, with its default windows, misses 1 % and 5 %',
    '',
    '| trace | start-up | level | best peer | its cost | objective misses | change | cost for the level | change | clairvoyant misses | at the cost of the fixed fleet: objective misses |',
    '|---|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|',
    ...studies.flatMap(({ name, startup, points }) =>
      LEVELS.map((level) => {
        const best = bestPeer(points, level)
        const ours = best && missesAt(points.objective, best.cost)
        const own = costAt(points.objective, level)
        const still = costAt(points.fixed, level)
        const beside = still === undefined ? undefined : missesAt(points.objective, still)
        const told = best && missesAt(points.clairvoyant, best.cost)
        return `| ${name} | ${startup} s | ${percent(level)} | ${best?.peer ?? 'none gets there'} | ${instances(best?.cost)} | ${percent(ours)} | ${change(ours, best && level)} | ${instances(own)} | ${change(own, best?.cost)} | ${percent(told)} | ${percent(beside)} (${change(beside, still && level)}) |`
      }),
    ),
  ]
}

/** The cheapest setting whose misses are at most 1 % in the mean of the other traces, as it then does on this one. */
function carriedOver(studies: readonly Study[]): string[] {
  if (studies.length < 2) return []
  const families = [...PEERS, 'objective', 'fixed'] as const
  return [
    `### Start-up ${studies[0]!.startup} s: the knob chosen for 1 % on the other traces`,
    '',
    `| trace | ${families.join(' | ')} |`,
    `|---|${families.map(() => '---:').join('|')}|`,
    ...studies.map((scored) => {
      const others = studies.filter((one) => one !== scored)
      const cells = families.map((family) => {
        const chosen = KNOBS[family]
          .map((knob) => ({ knob, on: others.map((one) => one.points[family].find((point) => point.knob === knob)!) }))
          .filter(({ on }) => on.reduce((sum, { missShare }) => sum + missShare, 0) / on.length <= 0.01)
          .sort((a, b) => sumOf(a.on) - sumOf(b.on))[0]
        const point = chosen && scored.points[family].find(({ knob }) => knob === chosen.knob)
        return point ? `${percent(point.missShare)} at ${instances(point.cost)} (${chosen.knob})` : '–'
      })
      return `| ${scored.name} | ${cells.join(' | ')} |`
    }),
  ]
}

const sumOf = (points: readonly Point[]) => points.reduce((sum, { cost }) => sum + cost, 0)

/** Peers whose windows are tuned by grid on the other traces. */
async function tuned(ask: Ask, sources: readonly Source[], studies: readonly Study[]): Promise<string[]> {
  const swept = await Promise.all(
    sources.map((source, i) =>
      Promise.all(
        PEERS.map((peer) =>
          Promise.all(
            GRID[peer].map(async (windows, j) => ({
              windows,
              points: j === 0 ? studies[i]!.points[peer] : await sweep(ask, source, TUNED_STARTUP, peer, windows),
            })),
          ),
        ),
      ),
    ),
  )
  const rows = studies.flatMap((scored, i) =>
    LEVELS.map((level) => {
      const best = PEERS.map((peer, p) => {
        const others = sources.length > 1 ? swept.filter((_, j) => j !== i) : swept
        // On the other traces together the cheapest for the level.
        const chosen = GRID[peer]
          .map((_, g) => ({ g, cost: others.reduce((sum, one) => sum + (costAt(one[p]![g]!.points, level) ?? 200), 0) }))
          .sort((a, b) => a.cost - b.cost)[0]!.g
        const { windows, points } = swept[i]![p]![chosen]!
        return { peer, windows, cost: costAt(points, level) }
      })
        .filter(({ cost }) => cost !== undefined)
        .sort((a, b) => a.cost! - b.cost!)[0]
      const ours = best && missesAt(scored.points.objective, best.cost!)
      return `| ${scored.name} | ${percent(level)} | ${best ? `${best.peer} (${windowsText(best.windows)})` : 'none gets there'} | ${instances(best?.cost)} | ${percent(ours)} | ${change(ours, best && level)} |`
    }),
  )
  return [
    `### Beside peers tuned by grid, start-up ${TUNED_STARTUP} s: windows chosen on the other traces`,
    '',
    '| trace | level | best tuned peer | its cost | objective misses | change |',
    '|---|---:|---|---:|---:|---:|',
    ...rows,
  ]
}

if (isMainThread) await study()
else parentPort!.on('message', async (job: Job) => parentPort!.postMessage(await run(job)))
