/**
 * What the gateway's choice of an instance is worth: the same requests to the same fleets, by requests in flight alone (as most balancers have it) and by
 * what the gateway goes by, prompts that are not read yet before requests in flight.
 *
 *   npx strata --node bench/dispatch.ts [--trace FILE …] [--seed 1] [--instances 10,12,14,17,20,24]
 *
 * Fixed fleets, the scenario of bench/autoscale: a day at the mean rate that ten instances bear by the gateway's choice, a first token after 5 s is a miss.
 */
import { parseArgs } from 'node:util'
import type { Outstanding } from '../src/balancing/rank.ts'
import { fixedPolicy } from '../src/orchestration/autoscaling/fixed.ts'
import { simulate } from '../src/orchestration/simulator/simulate.ts'
import { nameOf, scenarioOf, sourcesOf, traceOf } from './autoscale/scenario.ts'

const { values } = parseArgs({
  options: {
    trace: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    instances: { type: 'string', default: '10,12,14,17,20,24' },
  },
})
const sources = sourcesOf(values.trace, Number(values.seed))
const fleets = values.instances.split(',').map(Number)

const RULES: readonly (readonly [string, ((outstanding: Outstanding) => number) | undefined])[] = [
  ['requests in flight', ({ inFlight }) => inFlight],
  ['the gateway’s', undefined],
]

const row = (cells: readonly string[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`)
row(['trace', 'prompt, mean tokens', 'by', ...fleets.map((count) => `${count} instances`)])
row(['---', '---:', '---', ...fleets.map(() => '---:')])
for (const source of sources) {
  const { requests } = await traceOf(source)
  const mean = requests.tokensIn.reduce((sum, tokens) => sum + tokens, 0) / requests.length
  for (const [name, rank] of RULES) {
    const misses = fleets.map((count) => simulate(scenarioOf(requests, 0, count), fixedPolicy(count), rank ? { rank } : {}).missShare)
    row([nameOf(source), mean.toFixed(0), name, ...misses.map((share) => `${(share * 100).toPrecision(2)} %`)])
  }
}
