import { expect, it } from 'vitest'
import { formatMetrics } from './metrics.ts'
import { Rate } from './rate.ts'

it('counts what came in the last second', () => {
  let now = 0
  const rate = new Rate(() => now)
  rate.add(5)
  now = 500
  rate.add(3)
  expect(rate.perSecond).toBe(8)
  now = 1_050
  expect(rate.perSecond).toBe(3)
  now = 60_000
  expect([rate.perSecond, rate.total]).toEqual([0, 8])
})

it('writes metrics as Prometheus reads them', () => {
  const text = formatMetrics([{ name: 'a_total', help: 'Things.', type: 'counter', samples: [{ labels: { path: 'x"\n' }, value: 2 }] }], {
    i: '0',
  })
  expect(text).toBe('# HELP a_total Things.\n# TYPE a_total counter\na_total{i="0",path="x\\"\\n"} 2\n')
})
