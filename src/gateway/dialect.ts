/** How a client's protocol writes what the gateway itself has to say. */
import type { GatewayError } from './errors.ts'

export interface Dialect {
  /** The body of an error answer, JSON. */
  error(error: GatewayError, requestId: string): string
  /** The last event of a stream that is not whole; empty where there is no way to say it but to break off. */
  lastWord(message: string, code: string, type?: GatewayError['type']): string
}
