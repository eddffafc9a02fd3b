import { expect, test } from 'vitest'
import { systemClock } from '../../kernel/clock.ts'
import { homeAt } from '../../kernel/home.ts'
import { createLog } from '../../kernel/log.ts'
import { createInstances } from './index.ts'

test.each([
  ['has been made', () => []],
  [
    'has failed: nobody waits for one for ever',
    () => {
      throw new Error('the store is away')
    },
  ],
])('what is known is of now once a round %s', async (_, list) => {
  const instances = createInstances({
    ...{ home: homeAt('/nonexistent'), platformImage: 'strata', runtimes: new Map(), clock: systemClock, memoryBytes: 1e9 },
    ...{ log: createLog('test', () => undefined), publish: () => 1, gateways: () => 0, idle: () => true },
    connect: () => {
      throw new Error('nobody is asked')
    },
    fetch: () => Promise.reject(new Error('nothing is fetched')),
    store: {
      resources: { list, get: () => undefined, onChange: () => () => undefined, setStatus: async () => true },
      meta: { get: async () => undefined, set: async () => undefined },
    },
  })
  expect(instances.hasLooked()).toBe(false)
  instances.start()
  await expect.poll(instances.hasLooked).toBe(true)
  await instances.close()
})
