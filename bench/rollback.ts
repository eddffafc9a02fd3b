/**
 * How long a bad version goes on being sent requests after the verdict: a release to a version that fails, under load, with two gateways, again and again.
 *
 *   npx strata --node bench/rollback.ts [--releases 20] [--askers 12]
 *
 * From the moment that control writes down as that of its verdict until the last request that any gateway sent to the bad version was made, by the clock
 * that both share; and how long an abort by hand takes until every gateway has confirmed it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Resource } from '../src/resources/index.ts'
import { startSystem } from '../test/harness/system.ts'

const { values } = parseArgs({ options: { releases: { type: 'string', default: '20' }, askers: { type: 'string', default: '12' } } })
const [releases, askers] = [Number(values.releases), Number(values.askers)]

const version = (name: string, errorRate: number) => `
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-${name} }
spec:
  model: assistant
  version: ${name}
  source: { engine: { kind: simulated, parameters: { timeToFirstToken: 5ms, tokensPerSecond: 2000, answerTokens: 4, errorRate: ${errorRate} } } }`

await using system = await startSystem({
  gateways: 2,
  bootstrap: `apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: { task: chat }${version('v1', 0)}${version('bad', 0.5)}
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec: { models: [assistant], targets: [{ version: assistant-v1, weight: 100 }] }
`,
})

let running = true
/** When the last request that went to the bad version was made. */
let lastToBad = 0
const load = Array.from({ length: askers }, async () => {
  while (running) {
    const madeAt = Date.now()
    const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'assistant', max_tokens: 4, messages: [{ role: 'user', content: 'Hello' }] }),
    })
    await response.text()
    if (response.headers.get('x-strata-model-version') === 'assistant@bad') lastToBad = Math.max(lastToBad, madeAt)
  }
})

const spec = {
  route: 'assistant',
  from: 'assistant-v1',
  to: 'assistant-bad',
  steps: [{ weight: 50 }],
  analysis: { metrics: [{ name: 'errorRate' }] },
}
const apply = (name: string, more: object = {}) =>
  system.control('POST', '/apply', {
    documents: [{ apiVersion: 'strata.dev/v1alpha1', kind: 'Rollout', metadata: { name }, spec: { ...spec, ...more } }],
  })
const until = async (name: string, phase: string) => {
  for (;;) {
    const rollout = await system.control<Resource<'Rollout'>>('GET', `/rollouts/${name}`)
    if (rollout.status?.phase === phase) return rollout.status
    await sleep(20)
  }
}

const verdicts: number[] = []
const found: number[] = []
const aborts: number[] = []
for (let i = 0; i < releases; i++) {
  const name = `release-${i}`
  await apply(name)
  const { history } = await until(name, 'Degraded')
  const [began, verdict] = [history.find(({ event }) => event === 'Weight'), history.at(-1)].map((event) => Date.parse(event!.time)) as [
    number,
    number,
  ]
  await sleep(1_000) // whoever still sends it something does so within that
  verdicts.push(Math.max(0, lastToBad - verdict))
  found.push(verdict - began)
  await system.control('DELETE', `/rollouts/${name}`)
  await apply(`abort-${i}`, { analysis: { metrics: [] }, steps: [{ weight: 50 }, { pause: '1h' }] })
  await until(`abort-${i}`, 'Progressing')
  const { confirmed, tookMs } = await system.control<{ confirmed: boolean; tookMs: number }>('POST', `/rollouts/abort-${i}/abort`)
  aborts.push(confirmed ? tookMs : Number.POSITIVE_INFINITY)
  await system.control('DELETE', `/rollouts/abort-${i}`)
}
running = false
await Promise.all(load)

const row = (what: string, times: readonly number[], bound: string) => {
  const sorted = times.toSorted((a, b) => a - b)
  return `| ${what} | ${sorted[sorted.length >> 1]} ms | ${sorted.at(-1)} ms | ${bound} |`
}
process.stdout.write(
  [
    `| ${releases} releases to a version of whose requests half fail, 2 gateways | median | slowest | bound |`,
    '|---|---:|---:|---:|',
    row('from its first request to the verdict', found, ''),
    row('from the verdict to the last request that was sent to it', verdicts, '1,000 ms'),
    row('from an abort by hand until every gateway has confirmed it', aborts, '1,000 ms'),
    '',
  ].join('\n'),
)
