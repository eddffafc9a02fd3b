/**
 * What the gateway costs, beside nginx as a plain reverse proxy over the same fixed upstream: CPU per request through the whole path (key,
 * limits of each sort, routing, metrics, records) at saturation, and the latency that it adds at half of its saturation rate.
 * Rounds are interleaved and medians quoted; the ratio is the figure.
 *
 *   npx strata --node bench/gateway.ts [--rounds 5] [--seconds 4] [--connections 32,256] [--rate N] [--no-awake]
 */
import { parseArgs } from 'node:util'
import { cpuMs, keepAwake, type LoadResult, median, openField, type Target } from './load/index.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '32,256' },
    latency: { type: 'boolean', default: true },
    rate: { type: 'string' },
    awake: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const say = (line: string) => process.stdout.write(`${line}\n`)

const letSleep = values.awake ? keepAwake() : undefined
say(letSleep ? 'Idle cores are kept awake.\n' : 'Idle cores sleep: latencies hold what it takes to wake them.\n')
const field = await openField({ stream: false })
let failures = 0
try {
  const costs = async (target: Target, connections: number) => {
    const before = cpuMs(target.pid)
    const result = await field.load('closed', target, connections, seconds)
    failures += result.errors
    return { cpu: ((cpuMs(target.pid) - before) * 1000) / result.answered, rate: result.answered / result.seconds }
  }

  /** The figure is of a process that has run for a while: before that much of it is the compiler's work. */
  const warm = async (target: Target) => {
    for (let answered = 0, round = 0; answered < 60_000 && round < 15; round++)
      answered += (await field.load('closed', target, 32, 2)).answered
  }

  say('| connections | nginx, CPU a request | Strata, CPU a request | ratio (median of rounds) | to reach | Strata, requests/s | nginx |')
  say('|---:|---:|---:|---:|---:|---:|---:|')
  const peers = [field.nginx, field.strata]
  for (const target of peers) await warm(target)
  const saturation = { nginx: 0, strata: 0 }
  for (const connections of values.connections.split(',').map(Number)) {
    const seen = { nginx: [] as { cpu: number; rate: number }[], strata: [] as { cpu: number; rate: number }[] }
    for (let round = 0; round < rounds; round++) {
      seen.nginx.push(await costs(field.nginx, connections))
      seen.strata.push(await costs(field.strata, connections))
    }
    const ratio = median(seen.strata.map(({ cpu }, i) => cpu / seen.nginx[i]!.cpu))
    const rates = { nginx: median(seen.nginx.map((one) => one.rate)), strata: median(seen.strata.map((one) => one.rate)) }
    saturation.nginx ||= rates.nginx
    saturation.strata ||= rates.strata
    say(
      `| ${connections} | ${median(seen.nginx.map(({ cpu }) => cpu)).toFixed(1)} µs | ${median(seen.strata.map(({ cpu }) => cpu)).toFixed(1)} µs | ${ratio.toFixed(2)} × | ≤ 4.0 × | ${rates.strata.toFixed(0)} | ${rates.nginx.toFixed(0)} |`,
    )
  }

  if (values.latency) {
    const half = Math.round(saturation.strata / 2)
    const rate = Number(values.rate ?? half)
    /** What another program adds when it is as busy: how much of the figure is the machine's. */
    const nginxHalf = Math.round(saturation.nginx / 2)
    const cases = [
      { name: 'nginx', target: field.nginx, rate },
      { name: 'strata', target: field.strata, rate },
      { name: `nginx at ${nginxHalf}/s, half of its own saturation rate`, target: field.nginx, rate: nginxHalf },
    ]
    say(`\nLatency at ${rate} requests/s by the clock (half the saturation rate: ${half}), 32 connections:\n`)
    say('| | p50 | p99 |')
    say('|---|---:|---:|')
    const open = async (target: Target, at: number, time = seconds) => {
      const result = await field.load('open', target, 32, time, at)
      failures += result.errors
      return result
    }
    // At its own pace each request has a turn of its own, which is other code than at saturation.
    for (const { target, rate: at } of cases) for (let i = 0; i < 3; i++) await open(target, at, 2)
    const direct: LoadResult[] = []
    const added = cases.map(() => ({ p50: [] as number[], p99: [] as number[] }))
    for (let round = 0; round < rounds; round++) {
      const bare = new Map<number, LoadResult>()
      for (const at of [rate, nginxHalf]) bare.set(at, await open(field.direct, at))
      direct.push(bare.get(rate)!)
      for (const [i, { target, rate: at }] of cases.entries()) {
        const { p50, p99 } = await open(target, at)
        added[i]!.p50.push(p50 - bare.get(at)!.p50)
        added[i]!.p99.push(p99 - bare.get(at)!.p99)
      }
    }
    const ms = (values: readonly number[]) => `${median(values).toFixed(2)} ms`
    say(`| direct | ${ms(direct.map(({ p50 }) => p50))} | ${ms(direct.map(({ p99 }) => p99))} |`)
    for (const [i, { name }] of cases.entries()) say(`| added by ${name} | ${ms(added[i]!.p50)} | ${ms(added[i]!.p99)} |`)
    say('| to reach | 0.40 ms | 1.50 ms |')
  }
  say(failures === 0 ? '\nNo errors.' : `\n${failures} ERRORS: the figures above mean nothing.`)
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  await field.close()
  letSleep?.()
}
