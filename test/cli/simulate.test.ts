/** `strata simulate` as a person uses it: nothing runs, a file is replayed, mistakes are told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { strata } from '../harness/strata.ts'

let folder: string
const simulate = (...args: string[]) => strata(['simulate', ...args], { home: join(folder, 'home') })
const piped = (input: string, ...args: string[]) => strata(['simulate', ...args], { home: join(folder, 'home'), input })
const path = (name: string) => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-simulate-'))
  const rows = Array.from({ length: 3_000 }, (_, i) => `${(i * 0.3).toFixed(2)},${200 + ((i * 37) % 900)},${10 + ((i * 13) % 150)}`)
  writeFileSync(path('trace.csv'), `time,tokensIn,tokensOut\n${rows.join('\n')}\n`)
  writeFileSync(
    path('broken.csv'),
    `time,tokensIn,tokensOut\n${rows.slice(0, 2_000).join('\n')}\nnoon,1,2\n7,,2\n${rows.slice(2_000).join('\n')}\n`,
  )
  writeFileSync(path('years.csv'), `time,tokensIn,tokensOut\n${rows.join('\n')}\n400000000,1,2\n`)
  writeFileSync(path('moment.csv'), 'time,tokensIn,tokensOut\n1,2,3\n1,4,5\n')
  const decode = [{ sequences: 4, stepMs: 1_000 }]
  const curve = { name: 'slow', sequences: 4, kvTokens: 10_000, contextTokens: 1_000, decode, source: 'made up' }
  const prefill = { overheadMs: 10_000, tokensPerSecond: 1, chunkTokens: 10 }
  writeFileSync(path('slow.json'), JSON.stringify({ ...curve, prefill }))
  writeFileSync(path('wrong.json'), JSON.stringify({ ...curve, sequences: 'many', prefil: prefill }))
  writeFileSync(path('other.json'), '{"level":"info"}\n'.repeat(50))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SHORT = ['--warmup', '2m', '--objective', '3s']

describe('a trace', () => {
  it('is replayed against one policy, or against several beside each other', async () => {
    const one = await simulate('--trace', path('trace.csv'), ...SHORT)
    expect(one).toMatchObject({ code: 0, stderr: '' })
    expect(one.stdout).toMatch(/3,000 requests in 15\.0 min; first tokens after 3s are misses; a start takes 60s\./)
    expect(one.stdout).toMatch(/POLICY +MISSES +LATE +REFUSED/)
    expect(one.stdout).toMatch(/objective +[\d.]+ % /)

    const several = await simulate(
      '--trace',
      path('trace.csv'),
      '--compare',
      'objective:1,knative:12,hpa,keda,fixed:6,schedule:00:00=4',
      ...SHORT,
    )
    expect(several.code).toBe(0)
    for (const name of ['objective:1', 'knative:12', 'hpa', 'keda', 'fixed:6', 'schedule:00:00=4'])
      expect(several.stdout).toMatch(new RegExp(`^${name} +[\\d.]+ %`, 'm'))
  })

  it('is told as JSON with its timeline, the same each time', async () => {
    const ask = () => simulate('--trace', path('trace.csv'), '--compare', 'objective,fixed:6', '-o', 'json', '--decisions', ...SHORT)
    const first = await ask()
    const { requests, policies } = JSON.parse(first.stdout)
    expect(requests).toBe(3_000)
    expect(policies).toHaveLength(2)
    expect(policies[1]).toMatchObject({ policy: 'fixed:6', meanInstances: 6, mostInstances: 6, created: 6 })
    expect(policies[0].timeline.length).toBeGreaterThan(50)
    expect(policies[0].decisions[0]).toMatchObject({
      wanted: expect.any(Number),
      reason: expect.stringMatching(/\.$/),
      inputs: expect.any(Object),
    })
    expect((await ask()).stdout).toBe(first.stdout)
  })

  it('is made longer and busier', async () => {
    const { stdout } = await simulate(
      '--trace',
      path('trace.csv'),
      '--hours',
      '1',
      '--scale',
      '2',
      '--policy',
      'fixed:12',
      '-o',
      'json',
      ...SHORT,
    )
    const { requests, seconds } = JSON.parse(stdout)
    expect(seconds).toBeGreaterThan(3_500)
    expect(requests / 24_000).toBeCloseTo(1, 1)
  })

  it('is drawn', async () => {
    const html = await simulate('--trace', path('trace.csv'), '--compare', 'hpa,fixed:6', '--chart', path('chart.html'), ...SHORT)
    expect(html.stdout).toContain(`Chart: ${path('chart.html')}`)
    expect(readFileSync(path('chart.html'), 'utf8').match(/<svg/g)).toHaveLength(2)
    await simulate('--trace', path('trace.csv'), '--policy', 'hpa', '--chart', path('chart.svg'), ...SHORT)
    expect(readFileSync(path('chart.svg'), 'utf8')).toMatch(/^<\?xml/)
  })

  it('keeps what it has for as long as a cooldown says', async () => {
    const changes = async (...flags: string[]) => {
      const { stdout } = await simulate('--trace', path('trace.csv'), '--policy', 'knative:4', '--decisions', ...SHORT, ...flags)
      return (stdout.match(/^ {2}00:\d\d:\d\d /gm) ?? []).length
    }
    const [free, rested] = [await changes(), await changes('--cooldown', '10m')]
    expect(rested).toBeGreaterThan(0)
    expect(rested).toBeLessThan(free)
  })

  it('explains each change', async () => {
    const { stdout } = await simulate('--trace', path('trace.csv'), '--decisions', ...SHORT)
    expect(stdout).toMatch(/^ {2}00:\d\d:\d\d +\d+ {2}[\d.]+ requests\/s are work for [\d.]+ busy instances;/m)
  })

  it('comes from standard input, in milliseconds too', async () => {
    const text = readFileSync(path('trace.csv'), 'utf8').replaceAll(
      /^(\d+)\.(\d)0,/gm,
      (_, s: string, tenths: string) => `${1_700_000_000_000 + Number(s) * 1000 + Number(tenths) * 100},`,
    )
    const { code, stdout, stderr } = await piped(text, '--trace', '-', '--policy', 'fixed:6', ...SHORT)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Its times are taken for milliseconds')
    expect(stdout).toContain('3,000 requests in 15.0 min')
  })

  it('of which one line is bad is, in one word', async () => {
    const { stderr } = await piped(`${readFileSync(path('trace.csv'), 'utf8')}noon,1,2\n`, '--trace', '-', '--policy', 'fixed:6', ...SHORT)
    expect(stderr).toBe('standard input: 1 line left out (line 3002: "noon" is no time).\n')
  })

  it('of which lines are bad is replayed without them', async () => {
    const { code, stdout, stderr } = await simulate('--trace', path('broken.csv'), '--policy', 'fixed:6', ...SHORT)
    expect(code).toBe(0)
    expect(stderr).toContain('2 lines left out (line 2002: "noon" is no time; line 2003: no number of prompt tokens).')
    expect(stdout).toContain('3,000 requests')
  })
})

it('request records say themselves how fast their instances are', async () => {
  const records = Array.from({ length: 600 }, (_, i) => {
    const [tokensIn, tokensOut] = [100 + ((i * 131) % 900), 20 + ((i * 17) % 60)]
    const firstToken = 50 + tokensIn / 2
    const total = firstToken + (tokensOut - 1) * 12
    const time = new Date(Date.UTC(2026, 0, 1) + i * 4_000 + total).toISOString()
    return JSON.stringify({
      type: 'finished',
      time,
      outcome: 'ok',
      instance: 'a',
      tokens: { in: tokensIn, cached: 0, out: tokensOut },
      times: { firstToken, total },
    })
  })
  writeFileSync(path('records.ndjson'), `${records.join('\n')}\n`)
  const { code, stdout, stderr } = await simulate('--trace', path('records.ndjson'), '--curve', 'records', '--policy', 'fixed:1', ...SHORT)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/Instances as the records show them: 2000 prompt tokens\/s after 50 ms, ms a token by answers at a time 1: 12\.0/)
  expect((await simulate('--trace', path('trace.csv'), '--curve', 'records')).stderr).toContain(
    'The records do not say how fast an instance is',
  )
})

it('without a trace makes requests, and says so', async () => {
  const { code, stdout } = await simulate('--hours', '0.5', '--seed', '3', '--shape', 'code', '--policy', 'fixed:20')
  expect(code).toBe(0)
  expect(stdout).toContain('No --trace: 0.5 h of generated requests in the shape of code traffic, --seed 3.')
})

describe('mistakes', () => {
  it.each([
    [['--trace', 'nowhere.csv'], 5, 'nowhere.csv. Is the path right?'],
    [['--trace', 'other.json'], 4, '21 lines are none of a trace, 0 are (line 1: no time;'],
    [['--trace', 'years.csv'], 4, 'from the first request to the last are 4630 days, and 31 are the most; the greatest gap'],
    [['--trace', 'moment.csv', '--warmup', '0s'], 4, '2 requests, all at one time: nothing to scale by. A longer trace.'],
    [['--trace', 'moment.csv', '--hours', '1'], 4, 'holds 2 requests at one time: nothing to scale.'],
    [['--trace', 'trace.csv', '--shape', 'round'], 2, '--shape round is none of conversation, code, long.'],
    [['--trace', '-', '--curve', 'records'], 2, '--curve records reads the trace a second time'],
    [
      ['--trace', 'trace.csv', '--curve', 'slow.json', ...SHORT],
      4,
      'An instance (slow) that has a request for itself gives few first tokens within 3s',
    ],
    [
      ['--curve', 'wrong.json'],
      4,
      'wrong.json is no service curve: sequences: "many" is not a number (expected an integer from 1 to 4096)',
    ],
    [['--hours', '168', '--scale', '1000'], 2, 'That would be 3629 million requests, and 10 million are the most.'],
    [['--policy', 'hpa', '--compare', 'hpa,keda'], 2, "option '--policy <policy>' cannot be used with option '--compare <policies>'"],
    [['--compare', 'hpa,keda,hpa'], 2, '--compare names "hpa" twice.'],
    [['--policy', 'schedule:08:00=10+08:00=3'], 2, '08:00 stands there twice'],
    [['--policy', 'kantive'], 2, '"kantive" is no policy. There are: objective'],
    [['--compare', 'hpa,fixed'], 2, 'write fixed:12 for twelve instances.'],
    [['--objective', 'soon'], 2, '--objective soon is not a duration'],
    [['--min', '5', '--max', '3'], 2, '--min 5 is more than --max 3.'],
    [['--max', 'many'], 2, '--max many is not a whole number from 1 to 1000.'],
    [['--shape', 'round'], 2, '--shape round is none of conversation, code, long.'],
    [['--hours', '0.1', '--warmup', '10m'], 2, 'A shorter --warmup, or more --hours.'],
    [['--curve', 'nowhere.json'], 5, 'Is the path of --curve right?'],
    [['--curve', 'trace.csv'], 4, 'is not JSON'],
    [['--hours', '0.3', '--chart', 'chart.png'], 2, 'ends in neither .svg nor .html'],
    [['--hours', '0.3', '--compare', 'hpa,keda', '--chart', 'two.svg'], 2, 'Several want --chart FILE.html.'],
    [['--hours', '0.3', '--chart', 'no/such/folder.svg'], 1, 'cannot be written'],
  ])('%j', async (args, code, said) => {
    const here = args.map((arg) => (/^(\w+\.csv|(other|slow|wrong)\.json|no\/such\/folder\.svg)$/.test(arg) ? path(arg) : arg))
    const result = await simulate(...here)
    expect(result.stderr).toContain(said)
    expect(result.code).toBe(code)
    expect(result.stdout).toBe('')
  })
})

it('says what there is', async () => {
  const { code, stdout } = await simulate('--help')
  expect(code).toBe(0)
  for (const flag of [
    '--trace',
    '--policy',
    '--compare',
    '--objective',
    '--startup',
    '--min',
    '--max',
    '--scale',
    '--curve',
    '--chart',
    '--output',
  ])
    expect(stdout).toContain(flag)
})
