/**
 * Servers that run elsewhere: one adapter a protocol behind the port (`port.ts`), for control alone. Wire shapes are in `wire/`, the data
 * path is in `gateway/protocols`.
 */
import type { Spec } from '../../resources/index.ts'
import { asker } from './ask.ts'
import { oipBackend } from './oip/index.ts'
import { openAIBackend } from './openai/index.ts'
import type { Backend } from './port.ts'

export type { Backend, BackendLoad, BackendModel, BackendProbe } from './port.ts'

export function connectBackend({ protocol, address, credentials }: Spec<'Backend'>): Backend {
  const ask = asker(address, credentials?.bearer)
  switch (protocol) {
    case 'openai':
      return openAIBackend(ask, asker(new URL(address).origin, credentials?.bearer))
    case 'oip':
      return oipBackend(ask)
    case 'torchserve':
    case 'tensorflow-serving':
      throw new Error('not yet')
    default:
      return protocol satisfies never
  }
}
