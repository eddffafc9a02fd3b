import { expect, test } from 'vitest'
import type { SystemStatus, VersionStatus } from '../control/status.ts'
import { stepOf, warningsOf } from './up-progress.ts'

type Told = Partial<Omit<VersionStatus, 'instances'>> & { readonly ready?: number; readonly wanted?: number }

const version = ({ ready = 0, wanted = 1, ...told }: Told): VersionStatus => ({
  ...{ name: 'v1', namespace: 'default', model: 'm', version: 'v1', engine: 'llama', state: 'Pending', simulated: false },
  instances: { wanted, ready, list: [], left: [] },
  ...told,
})
const status = (versions: readonly VersionStatus[], over: Partial<SystemStatus> = {}) =>
  ({ versions, versionsKnown: true, warnings: [], ...over }) as unknown as SystemStatus

test.each<[string, SystemStatus | undefined, boolean, string]>([
  ['control does not answer', undefined, true, 'starting'],
  ['what failed when the system ended', status([version({ state: 'Failed' })], { versionsKnown: false }), true, 'starting'],
  ['what was ready when the system ended', status([version({ state: 'Ready', ready: 1 })], { versionsKnown: false }), true, 'starting'],
  ['a download', status([version({ state: 'Fetching', weights: { receivedBytes: 1 } })]), true, 'fetching'],
  ['a download that has not begun', status([version({ state: 'Fetching' })]), true, 'version'],
  ['one that starts', status([version({ state: 'Starting' })]), true, 'version'],
  ['one whose stand-in is about to be made', status([version({ state: 'Pending', message: 'No place had them.' })]), true, 'version'],
  ['one that is ready', status([version({ state: 'Ready', ready: 1 })]), true, 'done'],
  ['one that is ready before the gateway', status([version({ state: 'Ready', ready: 1 })]), false, 'gateway'],
  ['a stand-in', status([version({ state: 'Degraded', ready: 1, simulated: true })]), true, 'done'],
  ['one that failed', status([version({ state: 'Failed' })]), true, 'done'],
  ['an old one that answers while the new one starts', status([version({ state: 'Degraded', ready: 1 })]), true, 'done'],
  ['one that nobody wants', status([version({ state: 'Stopped', wanted: 0 })]), true, 'done'],
  ['one that lives elsewhere', status([version({ engine: 'backend', state: 'Pending' })]), true, 'done'],
  ['no version', status([]), true, 'done'],
  ['several, and none came with Strata', status([version({ name: 'a' }), version({ name: 'b' })]), true, 'done'],
  ['several, and one came with Strata', status([version({ name: 'a' }), version({ name: 'assistant-v1' })]), true, 'version'],
])('%s', (_, told, gatewaysReady, is) => {
  expect(stepOf(told, gatewaysReady)).toMatchObject({ is })
})

test('what a person should know: who stands in, and what does not run', () => {
  const standIn = version({ state: 'Degraded', simulated: true, ready: 1, message: 'The SIMULATED engine answers. No place had them' })
  const warnings = [
    { code: 'version_failed' as const, message: 'v2 does not run: no memory.', advice: 'See.' },
    { code: 'simulated' as const, message: 'v1 runs on the SIMULATED engine' },
  ]
  expect(warningsOf(status([standIn, version({ engine: 'simulated', simulated: true })], { warnings }))).toEqual([
    'No place had them. Running on the SIMULATED engine; trying again in the background.',
    'v2 does not run: no memory. See.',
  ])
})
