import { expect, test } from 'vitest'
import { cachedFiles, memoryHere, requireMemory } from './memory.ts'

const machine = { total: 16e9, available: 6e9 }
const ask = (mapped: number, held: number) => () => requireMemory('big (weights)', { mapped, held }, 'Take a smaller one.', machine)

test.each([
  ['nothing', 0, 0],
  ['weights that push other files out of memory', 9e9, 5e9],
  ['all there is', 10e9, 6e9],
])('%s fit', (_, mapped, held) => expect(ask(mapped, held)).not.toThrow())

test.each([
  ['weights beyond the machine', 17e9, 1e9, '18.0 GB'],
  ['weights and context together', 11e9, 6e9, '17.0 GB'],
  ['a context beyond what is available', 1e9, 7e9, '7.00 GB'],
])('%s are refused in words', (_, mapped, held, needs) => {
  expect(ask(mapped, held)).toThrow(
    expect.objectContaining({
      code: 'not_enough_memory',
      message: `Not enough memory: big (weights) needs ${needs}, and of 16.0 GB here 6.00 GB are available.`,
      advice: 'Take a smaller one.',
    }),
  )
})

test('this machine has memory', () => {
  const { total, available } = memoryHere()
  expect(available).toBeGreaterThan(0)
  expect(total).toBeGreaterThanOrEqual(available)
  expect(Number.isFinite(total)).toBe(true)
})

test.each([
  [
    'cgroup v2 in a container',
    { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup//memory.stat': 'anon 7\ninactive_file 100\nactive_file 20\n' },
    120,
  ],
  [
    'cgroup v2 outside of one',
    { '/proc/self/cgroup': '0::/a.slice/b.scope\n', '/sys/fs/cgroup/a.slice/b.scope/memory.stat': 'inactive_file 5\nactive_file 6\n' },
    11,
  ],
  [
    'cgroup v1',
    {
      '/proc/self/cgroup': '9:cpu,cpuacct:/\n4:memory:/docker/x\n0::/\n',
      '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\nactive_file 1\ntotal_inactive_file 1\ntotal_active_file 2\n',
    },
    2,
  ],
  ['none', {}, 0],
])('files in memory: %s', (_, files: Record<string, string>, bytes) => {
  const read = (path: string) => {
    if (files[path] === undefined) throw new Error('ENOENT')
    return files[path]
  }
  expect(cachedFiles(read)).toBe(bytes)
})
