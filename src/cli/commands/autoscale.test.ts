import { expect, test } from 'vitest'
import type { ScaledNow, ScalingAnswer } from '../../control/api/scaling.ts'
import { fieldsOf } from './autoscale.ts'

const now: ScaledNow = {
  ...{ namespace: 'default', name: 'v', policy: 'schedule', min: 1, max: 3, wanted: 1, since: 0, reason: '1 instance since 00:00.' },
  ...{ inputs: {}, ready: 0, starting: 1, draining: 0, startup: { ms: 60_000, measured: false } },
}
const answer: ScalingAnswer = {
  policy: { min: 1, max: 3, policy: { schedule: [{ from: '00:00', instances: 1 }] } } as ScalingAnswer['policy'],
  ...{ now, points: [], decisions: [] },
}

test.each<[ScalingAnswer['status'], string | undefined]>([
  [
    { state: 'Failed', message: 'v-0: its last run ended: it did not serve within 4s' },
    'Failed: v-0: its last run ended: it did not serve within 4s',
  ],
  [{ state: 'Ready' }, 'Ready'],
  [undefined, undefined],
])('of the version itself: %j', (status, shown) => {
  const fields = new Map(fieldsOf({ ...answer, ...(status ? { status } : {}) }, now, 5_000))
  expect(fields.get('State')).toBe(shown)
  expect(fields.get('Instances')).toBe('1 wanted for 5s, 0 ready, 1 starting')
})
