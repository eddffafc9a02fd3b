import { expect, test } from 'vitest'
import type { ProcessStatus } from '../kernel/supervision.ts'
import { awayInWords } from './control-away.ts'

const process = (name: string, role: ProcessStatus['role'], more: Partial<ProcessStatus> = {}): ProcessStatus => ({
  ...{ name, role, state: 'ready', restarts: 0, since: 0 },
  ...more,
})

test('says what is away, why, and what goes on', () => {
  const processes = [
    process('control', 'control', { state: 'waiting', lastEnd: 'killed by SIGKILL' }),
    process('gateway-0', 'gateway'),
    process('gateway-1', 'gateway', { state: 'starting' }),
    process('engine-a-0', 'engine'),
  ]
  expect(awayInWords(processes, 'http://127.0.0.1:7401')).toMatchObject({
    code: 'control_away',
    message:
      'Control does not answer at http://127.0.0.1:7401 (killed by SIGKILL). 1 of 2 gateways are ready and go on without it; nothing can be changed.',
  })
})
