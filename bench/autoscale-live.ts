/**
 * A quarter of an hour of live autoscaling beside the simulator: the same requests, at the same moments, against a whole system with simulated engines
 * and against `simulate` with the same policy. What the simulator says of misses and instance-hours is what then happens, or it is good for nothing.
 *
 *   npx strata --node bench/autoscale-live.ts [--runs 3] [--minutes 15] [--policy objective|knative]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { SystemStatus } from '../src/control/status.ts'
import { randomFrom } from '../src/kernel/random.ts'
import { deriveCurve } from '../src/orchestration/autoscaler/curve.ts'
import { scalerOf } from '../src/orchestration/autoscaler/policies.ts'
import type { Policy } from '../src/orchestration/autoscaling/index.ts'
import { simulate } from '../src/orchestration/simulator/index.ts'
import { type Requests, requestsOf } from '../src/orchestration/simulator/requests.ts'
import type { Resource } from '../src/resources/index.ts'
import { startSystem } from '../test/harness/system.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '15' },
    policy: { type: 'string', default: 'objective' },
  },
})
const [runs, minutes] = [Number(values.runs), Number(values.minutes)]

const OBJECTIVE_MS = 1_500
const SPEED = { firstTokenMs: 200, tokensPerSecond: 20, sequences: 4, contextSize: 4096, answerTokens: 40 }
const STARTUP_S = 20
const MAX = 8
const POLICY = values.policy === 'knative' ? '{ knative: { target: 3 } }' : `{ objective: { firstToken: ${OBJECTIVE_MS}ms } }`
/** Neither misses nor cost count before. */
const WARMUP_MS = 120_000
/** Live, load is seen so much later than it came, and a start is asked for so much later. */
const LAG_MS = 1_000
/** A policy is asked so often. */
const TICK_MS = 2_000
/** Places in which requests wait, in an engine. */
const WAITING = 64

const BOOTSTRAP = `apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: live }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: live-v1 }
spec:
  model: live
  version: v1
  source:
    engine:
      kind: simulated
      parameters:
        ${JSON.stringify({
          timeToFirstToken: `${SPEED.firstTokenMs}ms`,
          ...{ tokensPerSecond: SPEED.tokensPerSecond, answerTokens: SPEED.answerTokens, sequences: SPEED.sequences },
          ...{ contextSize: SPEED.contextSize, startupTime: `${STARTUP_S}s`, maxWaiting: WAITING },
        })}
  scaling: { min: 1, max: ${MAX}, policy: ${POLICY}, cooldown: { down: 1m } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: live }
spec: { models: [live], targets: [{ version: live-v1, weight: 100 }] }
`

/** Requests a second: three waves, one of them steep, and a pause. */
function rateAt(share: number): number {
  const wave = 3 + 2 * Math.sin(share * 6 * Math.PI)
  return share > 0.55 && share < 0.62 ? wave + 3 : share > 0.8 && share < 0.86 ? 0.5 : wave
}

function arrivals(seed: number): Requests {
  const random = randomFrom(seed).uniform
  const end = minutes * 60_000
  const rows: [number, number, number][] = []
  for (let at = 0; at < end; ) {
    at += (-Math.log(1 - random()) * 1000) / rateAt(at / end)
    if (at < end) rows.push([at, 8, SPEED.answerTokens])
  }
  return requestsOf(rows)
}

interface Figures {
  readonly missShare: number
  readonly instanceHours: number
}

async function live(requests: Requests): Promise<Figures & { startupMs: number; spec: Resource<'ModelVersion'>['spec'] }> {
  await using system = await startSystem({ bootstrap: BOOTSTRAP })
  const ask = async (): Promise<boolean> => {
    const since = performance.now()
    const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'live',
        stream: true,
        max_tokens: SPEED.answerTokens,
        messages: [{ role: 'user', content: 'Go on.' }],
      }),
      signal: AbortSignal.timeout(120_000),
    })
    let first: number | undefined
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (first === undefined && /"content":"[^"]/.test(text)) first = performance.now() - since
    }
    return response.status === 200 && first !== undefined && first <= OBJECTIVE_MS && text.includes('[DONE]')
  }
  let instanceMs = 0
  let counting = true
  const since = performance.now()
  const watching = (async () => {
    for (let last = performance.now(); counting; await sleep(500)) {
      const { versions } = await system.control<SystemStatus>('GET', '/status')
      const now = performance.now()
      if (now - since > WARMUP_MS)
        instanceMs += versions[0]!.instances.list.filter(({ state }) => state !== 'pending').length * (now - last)
      last = now
    }
  })()
  const answers: Promise<boolean>[] = []
  for (let i = 0; i < requests.length; i++) {
    const at = requests.at[i]!
    await sleep(Math.max(0, at - (performance.now() - since)))
    const answer = ask().catch(() => false)
    if (at >= WARMUP_MS) answers.push(answer)
  }
  counting = false
  await watching
  const good = (await Promise.all(answers)).filter(Boolean).length
  const { spec, status } = await system.control<Resource<'ModelVersion'>>('GET', '/modelversions/live-v1')
  return {
    missShare: 1 - good / answers.length,
    instanceHours: instanceMs / 3_600_000,
    startupMs: status?.scaling?.startupMs ?? STARTUP_S * 1000,
    spec,
  }
}

/** When within two seconds the policy is asked, and by how much a start takes more or less than in the median, is chance live: the middle of what comes of it. */
function simulated(requests: Requests, spec: Resource<'ModelVersion'>['spec'], startupMs: number): Figures {
  const curve = deriveCurve({ name: 'live', served: [], objectiveMs: OBJECTIVE_MS, simulated: SPEED })
  if ('missing' in curve) throw new Error(curve.missing)
  const outcomes = [-500, 0, 500].flatMap((more) =>
    [0, 0.2, 0.4, 0.6, 0.8]
      .map((part) => part * TICK_MS)
      .map((phase) => {
        const start = startupMs + more
        const { policy } = scalerOf(spec, { startupMs: start, curve, missing: '' })!
        const later = { ...requests, at: requests.at.map((at) => at + phase) }
        return simulate(
          {
            ...{ requests: later, curve: curve.curve, objectiveMs: curve.patienceMs, startupMs: start, bounds: { min: 1, max: MAX } },
            ...{ tickMs: TICK_MS, timeoutMs: 60_000, queue: WAITING, warmupMs: WARMUP_MS + phase, initial: 1 },
          },
          policy as unknown as Policy,
        )
      }),
  )
  return {
    missShare: median(outcomes.map(({ missShare }) => missShare)),
    instanceHours: median(outcomes.map(({ instanceHours }) => instanceHours)),
  }
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`
const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
const apart: { misses: number; hours: number }[] = []
console.log(`${values.policy}, ${minutes} min, objective ${OBJECTIVE_MS} ms, start-up ${STARTUP_S} s, at most ${MAX} instances\n`)
console.log('| run | requests | misses, live | simulated | instance-hours, live | simulated | measured start-up |')
console.log('| --: | --: | --: | --: | --: | --: | --: |')
for (let run = 1; run <= runs; run++) {
  const requests = arrivals(run)
  const real = await live(requests)
  const said = simulated(requests, real.spec, real.startupMs + LAG_MS)
  apart.push({
    misses: Math.abs(real.missShare - said.missShare) * 100,
    hours: Math.abs(said.instanceHours / real.instanceHours - 1) * 100,
  })
  const hours = `${real.instanceHours.toFixed(2)} | ${said.instanceHours.toFixed(2)}`
  console.log(
    `| ${run} | ${requests.length} | ${percent(real.missShare)} | ${percent(said.missShare)} | ${hours} | ${(real.startupMs / 1000).toFixed(1)} s |`,
  )
}
console.log(
  `\nApart in the median: ${median(apart.map(({ misses }) => misses)).toFixed(2)} points of misses (2 allowed), ` +
    `${median(apart.map(({ hours }) => hours)).toFixed(1)} % of instance-hours (10 allowed).`,
)
