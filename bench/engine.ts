/**
 * How fast the engine writes, beside llama-server on the same weights with as many threads and as much context for each answer. Both are asked
 * over HTTP without a gateway: N streamed answers at the same time, greedy, distinct prompts (no prefix is in a cache), fixed lengths.
 * _Decode_: tokens a second of all answers together, while all are being written. _Total_: tokens of prompts and answers over the whole
 * time. Rounds are interleaved and medians quoted; the ratio is the figure.
 *
 *   npx strata --node bench/engine.ts [--rounds 3] [--concurrency 1,2,4,8] [--prompt 128] [--tokens 96] [--threads 2]
 *       [--peer FOLDER] [--weights FILE.gguf] [--no-compare] [--flags='--cpu-prof …']
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultModel } from '../test/fixtures/weights.ts'
import { fetchLlamaServer, PEER_VERSION } from './engine/llama-server.ts'
import { type Ask, measure, type Speed } from './engine/measure.ts'
import { type Server, startLlamaServer, startStrata } from './engine/servers.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '1,2,4,8' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '96' },
    context: { type: 'string', default: '1024' },
    threads: { type: 'string', default: String(availableParallelism()) },
    weights: { type: 'string' },
    peer: { type: 'string' },
    flags: { type: 'string', default: '' },
  },
})
const concurrencies = values.concurrency.split(',').map(Number)
const rounds = Number(values.rounds)
const promptTokens = Number(values.prompt)
const maxTokens = Number(values.tokens)
const room = { threads: Number(values.threads), slots: Math.max(...concurrencies), contextSize: Number(values.context) }
const say = (line: string) => process.stdout.write(`${line}\n`)

const weights = values.weights ? { path: values.weights, sha256: '' } : await defaultModel()
const servers: Server[] = []
try {
  servers.push(await startStrata(weights, room, values.flags.split(' ').filter(Boolean)))
  servers.push(await startLlamaServer(values.peer ?? fetchLlamaServer(), weights, room))
  const [strata, peer] = servers as [Server, Server]
  const asks = await asker(peer)
  say(
    `${PEER_VERSION}, no gateway in between; ${room.threads} threads, ${room.slots} slots of ${room.contextSize} tokens, ` +
      `prompts of ${promptTokens} tokens, answers of ${maxTokens}; medians of ${rounds} rounds.\n`,
  )
  for (const server of servers) await measure(server.port, asks(room.slots)) // warm

  const ratios: number[] = []
  const seconds: string[] = []
  say('| at the same time | decode, tok/s | llama-server | ratio | total, tok/s | llama-server | ratio |')
  say('|---:|---:|---:|---:|---:|---:|---:|')
  const seen = new Map<number, { strata: Speed[]; peer: Speed[] }>()
  for (let round = 0; round < rounds; round++) {
    for (const n of concurrencies) {
      const both = seen.get(n) ?? { strata: [], peer: [] }
      seen.set(n, both)
      const ours = async () => both.strata.push(await measure(strata.port, asks(n)))
      const theirs = async () => both.peer.push(await measure(peer.port, asks(n)))
      for (const turn of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn()
    }
  }
  for (const n of concurrencies) {
    const { strata, peer } = seen.get(n)!
    const of = (speeds: readonly Speed[], what: keyof Speed) => median(speeds.map((speed) => speed[what]))
    const ratio = (what: keyof Speed) => median(strata.map((speed, i) => speed[what] / peer[i]![what]))
    const cells = (['decode', 'total'] as const).flatMap((what) => {
      ratios.push(ratio(what))
      return [of(strata, what).toFixed(1), of(peer, what).toFixed(1), ratio(what).toFixed(2)]
    })
    say(`| ${n} | ${cells.join(' | ')} |`)
    seconds.push(`| ${n} | ${(of(strata, 'firstToken') * 1000).toFixed(0)} ms | ${(of(peer, 'firstToken') * 1000).toFixed(0)} ms |`)
  }
  const geometric = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
  say(`\nGeometric mean of the ratios ${geometric.toFixed(2)} (to reach: 0.90), lowest ${Math.min(...ratios).toFixed(2)} (0.80).\n`)
  say('| at the same time | first token | llama-server |')
  say('|---:|---:|---:|')
  for (const line of seconds) say(line)
} finally {
  for (const server of servers) await server.close()
}

/** Prompts from the text of the licence. No two begin with the same token, so that no cache knows the beginning of one. */
async function asker(peer: Server): Promise<(count: number) => Ask[]> {
  const tokens = await tokenize(peer, readFileSync(join(import.meta.dirname, '..', 'LICENSE'), 'utf8'))
  const ends = await Promise.all(['<|im_end|>', '<|endoftext|>', '<|eot_id|>', '</s>'].map((mark) => tokenize(peer, mark)))
  const never = ends.filter(({ length }) => length === 1).map(([token]) => token!)
  let next = 0
  const begun = new Set<number>()
  return (count) =>
    Array.from({ length: count }, () => {
      while (begun.has(tokens[next]!)) next++
      if (next + promptTokens > tokens.length) throw new Error('The licence has no more words to begin with: ask for fewer rounds.')
      begun.add(tokens[next]!)
      return { prompt: tokens.slice(next, next + promptTokens), maxTokens, never }
    })
}

async function tokenize({ port }: Server, content: string): Promise<number[]> {
  const response = await fetch(`http://127.0.0.1:${port}/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ content, add_special: false, parse_special: true }),
  })
  return ((await response.json()) as { tokens: number[] }).tokens
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
