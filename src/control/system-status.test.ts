import { expect, test } from 'vitest'
import type { VersionStatus } from './status.ts'
import { warningsOf } from './system-status.ts'

const version = (told: Partial<VersionStatus>): VersionStatus => ({
  ...{ name: 'v1', namespace: 'default', model: 'm', version: 'v1', engine: 'llama', state: 'Failed', simulated: false },
  instances: { wanted: 1, ready: 0, list: [], left: [] },
  ...told,
})
const status = { gateways: [], processes: [], snapshot: { version: 1 }, hasSupervisor: true, upMs: 0 }

test.each<[string, Partial<VersionStatus>, string]>([
  [
    'one that failed',
    { message: 'v1-0: exit code 3; it is started again after a pause' },
    'v1 does not run: v1-0: exit code 3; it is started again after a pause.',
  ],
  ['one that failed and says so in a sentence', { message: 'It cannot be run.' }, 'v1 does not run: It cannot be run.'],
  ['one that says nothing', {}, 'v1 does not run: no reason is known.'],
  ['a backend without its key', { engine: 'backend', message: 'NOT_SET_KEY is not set' }, 'v1 does not run: NOT_SET_KEY is not set.'],
  [
    'a stand-in',
    { simulated: true, state: 'Degraded', message: 'The SIMULATED engine answers. No place had them' },
    "v1 runs on the SIMULATED engine: its answers are not a model's. The SIMULATED engine answers. No place had them.",
  ],
])('the warning of %s ends before its advice begins', (_, told, message) => {
  expect(warningsOf({ ...status, versions: [version(told)] })).toMatchObject([{ message, advice: expect.stringMatching(/^[A-Z]/) }])
})
