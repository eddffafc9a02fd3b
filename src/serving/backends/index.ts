/**
 * Servers that run elsewhere: one adapter a protocol behind the port (`port.ts`), for control alone. Wire shapes are in `wire/`, the data
 * path is in `gateway/protocols`.
 */
import { readSecret } from '../../kernel/secrets.ts'
import type { Spec } from '../../resources/index.ts'
import { asker } from './ask.ts'
import { oipBackend } from './oip/index.ts'
import { openAIBackend } from './openai/index.ts'
import type { Backend } from './port.ts'
import { tensorFlowBackend } from './tensorflow-serving/index.ts'
import { torchServeBackend } from './torchserve/index.ts'

export type { Backend, BackendLoad, BackendModel, BackendProbe, UsedModel, WantedModel } from './port.ts'
export { standingOf } from './standing.ts'

export type BackendAddress = Pick<Spec<'Backend'>, 'protocol' | 'address' | 'credentials' | 'management'>

export function connectBackend({ protocol, address, credentials, management }: BackendAddress): Backend {
  const ask = asker(address, credentials?.bearer)
  switch (protocol) {
    case 'openai':
      return openAIBackend(ask, asker(new URL(address).origin, credentials?.bearer))
    case 'oip':
      return oipBackend(ask)
    case 'torchserve':
      return torchServeBackend(ask, management && asker(management.address, (management.credentials ?? credentials)?.bearer))
    case 'tensorflow-serving':
      return tensorFlowBackend(
        ask,
        management && {
          address: management.address,
          bearer: () => management.credentials && readSecret(management.credentials.bearer),
        },
      )
    default:
      return protocol satisfies never
  }
}
