import { expect, test } from 'vitest'
import type { ControlClient } from './control-client.ts'
import { whoHasIt } from './who-has-it.ts'

/** Control with gateways that run these versions of the snapshot, of which `newest` is the last. */
const control = (newest: number, ...versions: (number | 'away')[]) =>
  ({
    call: () =>
      Promise.resolve({
        snapshot: { version: newest },
        gateways: versions.map((version) => ({ connected: version !== 'away', status: 'ack', version: version === 'away' ? 0 : version })),
      }),
  }) as unknown as ControlClient

test.each([
  ['all that are connected', control(7, 7, 7, 'away'), true, '2 of 2 gateways have it'],
  ['one', control(7, 7), true, '1 of 1 gateway has it'],
  ['all, though there is something newer by now', control(8, 8, 7), true, '2 of 2 gateways have it'],
  ['those that confirm too late to be waited for', control(7, 7, 7), false, '2 of 2 gateways have it'],
  ['not all', control(7, 7, 6), false, '1 of 2 gateways have it so far, the others have not confirmed yet'],
  ['none, since none is there', control(7, 'away'), true, 'no gateway is connected'],
])('%s', async (_who, client, confirmed, words) => {
  expect(await whoHasIt(client, confirmed)).toBe(words)
})
