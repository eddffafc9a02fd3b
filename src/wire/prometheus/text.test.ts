import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePrometheus } from './text.ts'

const one = (line: string) => {
  const samples = parsePrometheus(line)
  expect(samples).toHaveLength(1)
  return samples[0]!
}

describe('Prometheus text', () => {
  it('reads what a server shows', () => {
    const text = [
      '# HELP vllm:num_requests_running Number of requests.',
      '# TYPE vllm:num_requests_running gauge',
      'vllm:num_requests_running{model_name="a",engine="0"} 3.0',
      '',
      'ts_queue_latency_microseconds{model_name="lin",model_version="1.0",hostname="h",} 12.5 1700000000000\r',
      'latency_bucket{le="+Inf"} 7 # {trace_id="abc"} 0.67 1520879607.789',
      'up 1',
      '# EOF',
    ].join('\n')
    expect(parsePrometheus(text)).toEqual([
      { name: 'vllm:num_requests_running', labels: { model_name: 'a', engine: '0' }, value: 3 },
      { name: 'ts_queue_latency_microseconds', labels: { model_name: 'lin', model_version: '1.0', hostname: 'h' }, value: 12.5 },
      { name: 'latency_bucket', labels: { le: '+Inf' }, value: 7 },
      { name: 'up', labels: {}, value: 1 },
    ])
  })

  it.each<[string, number]>([
    ['1', 1],
    ['-0.5', -0.5],
    ['+1e3', 1000],
    ['.5', 0.5],
    ['5.', 5],
    ['+Inf', Infinity],
    ['Inf', Infinity],
    ['-Inf', -Infinity],
    ['NaN', Number.NaN],
    ['1 1700000000', 1],
    ['1 1700000000.25 # {a="b"} 1', 1],
    ['\t1', 1],
  ])('takes the value %s', (text, value) => {
    expect(one(`a ${text}`).value).toBe(value)
    expect(one(`a{} ${text}`).value).toBe(value)
  })

  it.each<[string, Record<string, string>]>([
    [String.raw`{a="x\"y\\z\n"}`, { a: 'x"y\\z\n' }],
    [String.raw`{a="\d"}`, { a: String.raw`\d` }],
    ['{a="},{"}', { a: '},{' }],
    ['{ a = "1" , b = "2" , }', { a: '1', b: '2' }],
    ['{a="1",a="2"}', { a: '2' }],
    ['{"dotted.name"="1"}', { 'dotted.name': '1' }],
    ['{a="ü 🦉"}', { a: 'ü 🦉' }],
  ])('takes the labels %s', (text, labels) => {
    expect(one(`m${text} 1`)).toEqual({ name: 'm', labels, value: 1 })
  })

  it('takes a name in quotes', () => {
    expect(one('{"my.metric", a="1"} 2')).toEqual({ name: 'my.metric', labels: { a: '1' }, value: 2 })
  })

  it('takes labels of any name as plain names', () => {
    const { labels } = one('m{__proto__="p",constructor="c"} 1')
    expect(Object.entries(labels)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ])
  })

  it.each([
    'm',
    'm ',
    'm{a="1" 1',
    'm{a="1}',
    'm{a=1} 1',
    'm{a} 1',
    'm{="1"} 1',
    'm{a="1" b="2"} 1',
    'm one',
    'm 1 soon',
    'm 1 2 3',
    'm0x10.5',
    'm 0x10',
    '{} 1',
    '{a="1"} 1',
    '9m 1',
    `m{a="${'x'.repeat(100_000)}"} 1`,
    `m{${Array.from({ length: 100 }, (_, i) => `a${i}="1"`).join(',')}} 1`,
  ])('skips the broken line %.30s and reads on', (line) => {
    expect(parsePrometheus(`${line}\nafter 1`)).toEqual([{ name: 'after', labels: {}, value: 1 }])
  })

  it('reads back what is written by the rules', () => {
    const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    const sample = fc.record({
      name: fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,20}$/),
      labels: fc.dictionary(fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,9}$/), fc.string({ unit: 'binary' }), { maxKeys: 5 }),
      value: fc.double(),
    })
    fc.assert(
      fc.property(fc.array(sample), (samples) => {
        const lines = samples.map(({ name, labels, value }) => {
          const inside = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
          return `${name}{${inside.join(',')}} ${String(value).replace('Infinity', 'Inf')}\n`
        })
        const read = parsePrometheus(lines.join(''))
        expect(read.map(({ name, value }) => [name, value + 0])).toEqual(samples.map(({ name, value }) => [name, value + 0]))
        expect(read.map(({ labels }) => Object.entries(labels))).toEqual(samples.map(({ labels }) => Object.entries(labels)))
      }),
    )
  })

  it('survives anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'a1{}=",\\ \n#.+') }), (text) => {
        for (const { value } of parsePrometheus(text)) expect(value).toBeTypeOf('number')
      }),
      { numRuns: 1_000 },
    )
  })

  it('reads a bounded number of samples, and long nonsense in a moment', () => {
    const start = performance.now()
    expect(parsePrometheus('m 1\n'.repeat(150_000))).toHaveLength(100_000)
    expect(parsePrometheus(`m{a="${'\\'.repeat(60_000)}\n`.repeat(50))).toEqual([])
    expect(parsePrometheus(`${'m {'.repeat(20_000)}\n`.repeat(50))).toEqual([])
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})
