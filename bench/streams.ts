/**
 * Many event streams at the same time, paced as a model paces them, beside nginx over the same fixed upstream: what each held stream costs in
 * memory (resident, from a process that has held few before), and what the proxy adds to the time until the first event.
 *
 *   npx strata --node bench/streams.ts [--streams 2000] [--rounds 3] [--interval 500] [--events 20]
 */
import { parseArgs } from 'node:util'
import { cpuMs, median, openField, residentBytes, type Target } from './load/index.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    interval: { type: 'string', default: '500' },
    events: { type: 'string', default: '20' },
  },
})
const streams = Number(values.streams)
const intervalMs = Number(values.interval)
const events = Number(values.events)
/** All are open before the first one ends. */
const openSeconds = Math.floor(((events - 1) * intervalMs * 0.8) / 1000)
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Round {
  readonly p50: number
  readonly p99: number
  /** Most that was resident while they ran, more than before: bytes a stream. */
  readonly bytes: number
  /** Microseconds of CPU for each event. */
  readonly cpu: number
}

const field = await openField({ stream: true, events, intervalMs })
let failures = 0
try {
  const round = async (target: Target): Promise<Round> => {
    const before = residentBytes(target.pid)
    let most = before
    const look = setInterval(() => {
      most = Math.max(most, residentBytes(target.pid))
    }, 100)
    const cpuBefore = cpuMs(target.pid)
    const result = await field.load('streams', target, streams, openSeconds)
    clearInterval(look)
    const cpu = ((cpuMs(target.pid) - cpuBefore) * 1000) / (streams * events)
    failures += result.errors + (streams - result.whole)
    return { p50: result.p50, p99: result.p99, bytes: (most - before) / streams, cpu }
  }

  const targets = [field.direct, field.nginx, field.strata]
  // A few streams first: what a process needs once is no cost of each stream, and what runs the first time is not compiled yet.
  for (const target of targets) for (let i = 0; i < 2; i++) failures += (await field.load('streams', target, 100, 2)).errors
  const seen = new Map<Target, Round[]>(targets.map((target) => [target, []]))
  for (let i = 0; i < Number(values.rounds); i++) for (const target of targets) seen.get(target)!.push(await round(target))

  say(
    `${streams} streams of ${events} events, one every ${intervalMs} ms, opened over ${openSeconds} s; ${values.rounds} rounds, medians:\n`,
  )
  say('| | first event p50 | p99 | added p99 | memory each (first round) | CPU an event |')
  say('|---|---:|---:|---:|---:|---:|')
  for (const target of targets) {
    const mine = seen.get(target)!
    const direct = seen.get(field.direct)!
    const added = median(mine.map(({ p99 }, i) => p99 - direct[i]!.p99))
    say(
      `| ${target.name} | ${median(mine.map(({ p50 }) => p50)).toFixed(2)} ms | ${median(mine.map(({ p99 }) => p99)).toFixed(2)} ms | ${target === field.direct ? '' : `${added.toFixed(2)} ms`} | ${(mine[0]!.bytes / 1024).toFixed(1)} KB | ${median(mine.map(({ cpu }) => cpu)).toFixed(1)} µs |`,
    )
  }
  say('| to reach | | | 5.00 ms | 40.0 KB | |')
  say(failures === 0 ? '\nNo errors; every stream came whole.' : `\n${failures} ERRORS: the figures above mean nothing.`)
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  await field.close()
}
