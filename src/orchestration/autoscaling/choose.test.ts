import { expect, it } from 'vitest'
import { choosePolicy, type Surroundings } from './choose.ts'
import { IDLE } from './policy.contract.ts'

const WORLD: Surroundings = {
  ...{ objectiveMs: 2_000, startupMs: 60_000, tokensOut: 100, sequences: 20 },
  ...{ costs: { request: 0, tokenIn: 0, tokenOut: 0.01 }, curve: [{ load: 1, missShare: 1 }] },
}
const wanted = (text: string) =>
  choosePolicy(text, WORLD).decide(choosePolicy(text, WORLD).start, { ...IDLE, concurrency: 28 } as never, 0).wanted

it.each([
  ['knative', 2],
  ['knative:7', 4],
  ['hpa:7', 4],
  [' keda:7 ', 4],
  ['fixed:12', 12],
  ['fixed:0', 0],
  ['schedule:00:00=4+12:30=9', 4],
  ['objective', 1],
  ['objective:1', 1],
])('%s', (text, instances) => {
  expect(wanted(text)).toBe(instances)
  expect(choosePolicy(text, WORLD).name).toBe(text.trim())
})

it.each([
  ['kantive', '"kantive" is no policy'],
  ['', '"" is no policy'],
  ['knative:', 'the target, requests an instance, is a number above 0'],
  ['hpa:-1', 'the target'],
  ['objective:0', 'the allowed misses, percent, is a number above 0'],
  ['objective:100', '"objective:100": the allowed misses, percent, is a number above 0 and below 100'],
  ['schedule:08:00=10+8:00=3', '08:00 stands there twice'],
  ['fixed', 'write fixed:12'],
  ['fixed:1.5', 'write fixed:12'],
  ['schedule', 'write schedule:08:00=10+20:00=3'],
  ['schedule:25:00=3', 'write schedule:08:00=10+20:00=3'],
])('"%s" is refused: %s', (text, said) => {
  expect(() => choosePolicy(text, WORLD)).toThrow(said)
})
