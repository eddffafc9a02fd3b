import { expect, test } from 'vitest'
import type { ProcessStatus } from '../../../kernel/supervision.ts'
import { describeEngine } from './describe.ts'

const config = JSON.stringify({ id: 'a', listen: { socketPath: '/run/a.sock' } })
const status = (state: ProcessStatus['state'], over: Partial<ProcessStatus> = {}): ProcessStatus => ({
  ...{ name: 'engine-a', role: 'engine', restarts: 2, since: 7, state },
  ...over,
})
const told = { id: 'a', config, restarts: 2, since: 7 }
const address = { socketPath: '/run/a.sock' }

test.each([
  ['starting', status('starting'), { ...told, state: 'running', address }],
  ['ready', status('ready', { pid: 1 }), { ...told, state: 'running', address, incarnation: 'process 1, run 2' }],
  ['waiting', status('waiting', { lastEnd: 'exit code 3', retryAt: 9 }), { ...told, state: 'waiting', lastEnd: 'exit code 3' }],
  ['draining', status('draining'), { ...told, state: 'ending', address }],
  ['ended', status('ended'), undefined],
])('an engine that is %s', (_, seen, expected) => {
  expect(describeEngine({ id: 'a', config, status: seen })).toEqual(expected)
})

test.each(['', '{', 'null', '{"listen":{"host":"0.0.0.0","port":80}}'])('a config that names no socket, no address: %s', (text) => {
  expect(describeEngine({ id: 'a', config: text, status: status('ready') })).not.toHaveProperty('address')
})
