import { expect, it } from 'vitest'
import type { SystemStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { type AuditEntry, happenings } from './happenings.ts'

const at = (second: number) => new Date(second * 1_000).toISOString()

it('what people told a release and what it did by itself are told once each, the newest first', () => {
  const release = {
    metadata: { name: 'm-v2', uid: 'u' },
    status: {
      history: [
        { time: at(1), event: 'Started', message: 'm-v2 is compared with m-v1.' },
        { time: at(2), event: 'Weight', message: 'm-v2 gets 5 % of what went to m-v1.' },
        { time: at(3), event: 'Aborted', message: 'Aborted by admin: everything goes to m-v1 again.' },
      ],
    },
  } as unknown as Resource<'Rollout'>
  const aborted: AuditEntry = {
    id: 1,
    time: 3_000,
    actor: 'admin',
    action: 'abort',
    kind: 'Rollout',
    namespace: 'default',
    name: 'm-v2',
    diff: [],
  }
  const told = happenings({ processes: [] } as unknown as SystemStatus, [], [aborted], [release], [], 8)
  expect(told.map(({ what, by }) => `${by}: ${what}`)).toEqual([
    'admin: release m-v2 aborted',
    'control: release m-v2: m-v2 gets 5 % of what went to m-v1',
    'control: release m-v2: m-v2 is compared with m-v1',
  ])
})

it('what an experiment has decided is told, and how many instances a policy wants', () => {
  const experiment = {
    metadata: { name: 'shorter', uid: 'e' },
    status: {
      history: [
        { time: at(1), event: 'Running', message: 'Callers are divided between the arms; 3 are known from before.' },
        { time: at(4), event: 'Decided', message: 'admin has stopped it before it was decided.' },
      ],
    },
  } as unknown as Resource<'Experiment'>
  const version = (uid: string, scaling: object) =>
    ({
      metadata: { name: uid, uid },
      spec: { model: uid, version: 'v1', scaling },
      status: { scaling: { wanted: 3, reason: 'It takes 3. More would idle.', since: at(2) } },
    }) as unknown as Resource<'ModelVersion'>
  const versions = [version('m', { min: 1, max: 4, policy: { objective: {} } }), version('fixed', { min: 3 })]
  const told = happenings({ processes: [] } as unknown as SystemStatus, versions, [], [], [experiment], 8)
  expect(told.map(({ what }) => what)).toEqual([
    'm@v1: 3 instances wanted: It takes 3',
    'experiment shorter: Callers are divided between the arms; 3 are known from before',
  ])
})
