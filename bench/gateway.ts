/**
 * What the gateway costs, beside nginx as a plain reverse proxy over the same fixed upstream: CPU per request through the whole path (key,
 * limits of each sort, routing, metrics, records) at saturation, and the latency that it adds at half of its saturation rate.
 * Rounds are interleaved and medians quoted; the ratio is the figure.
 *
 *   npx strata --node bench/gateway.ts [--rounds 5] [--seconds 4] [--connections 32,256] [--rate N] [--no-awake]
 */
import { parseArgs } from 'node:util'
import { cpuMs, keepAwake, median, openField, type Target } from './load/index.ts'

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
  let saturation = 0
  for (const connections of values.connections.split(',').map(Number)) {
    const seen = { nginx: [] as { cpu: number; rate: number }[], strata: [] as { cpu: number; rate: number }[] }
    for (let round = 0; round < rounds; round++) {
      seen.nginx.push(await costs(field.nginx, connections))
      seen.strata.push(await costs(field.strata, connections))
    }
    const ratio = median(seen.strata.map(({ cpu }, i) => cpu / seen.nginx[i]!.cpu))
    const rate = median(seen.strata.map((one) => one.rate))
    saturation ||= rate
    say(
      `| ${connections} | ${median(seen.nginx.map(({ cpu }) => cpu)).toFixed(1)} µs | ${median(seen.strata.map(({ cpu }) => cpu)).toFixed(1)} µs | ${ratio.toFixed(2)} × | ≤ 4.0 × | ${rate.toFixed(0)} | ${median(seen.nginx.map((one) => one.rate)).toFixed(0)} |`,
    )
  }

  if (values.latency) {
    const half = Math.round(saturation / 2)
    const rate = Number(values.rate ?? half)
    say(`\nLatency at ${rate} requests/s by the clock (half the saturation rate: ${half}), 32 connections:\n`)
    say('| | p50 | p99 |')
    say('|---|---:|---:|')
    const seen = new Map<Target, { p50: number; p99: number }[]>()
    // At its own pace each request has a turn of its own, which is other code than at saturation.
    for (const target of peers) for (let i = 0; i < 3; i++) failures += (await field.load('open', target, 32, 2, rate)).errors
    for (let round = 0; round < rounds; round++) {
      for (const target of [field.direct, field.nginx, field.strata]) {
        const result = await field.load('open', target, 32, seconds, rate)
        failures += result.errors
        seen.set(target, [...(seen.get(target) ?? []), result])
      }
    }
    const of = (target: Target, what: 'p50' | 'p99') => median(seen.get(target)!.map((one) => one[what]))
    const added = (target: Target, what: 'p50' | 'p99') =>
      median(seen.get(target)!.map((one, i) => one[what] - seen.get(field.direct)![i]![what]))
    const ms = (value: number) => `${value.toFixed(2)} ms`
    say(`| direct | ${ms(of(field.direct, 'p50'))} | ${ms(of(field.direct, 'p99'))} |`)
    for (const target of peers) say(`| added by ${target.name} | ${ms(added(target, 'p50'))} | ${ms(added(target, 'p99'))} |`)
    say('| to reach | 0.40 ms | 1.50 ms |')
  }
  say(failures === 0 ? '\nNo errors.' : `\n${failures} ERRORS: the figures above mean nothing.`)
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  await field.close()
  letSleep?.()
}
