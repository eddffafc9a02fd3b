/**
 * What a protocol is on the way through the gateway. A client's protocol reads requests and writes errors (`openai.ts`, …); a pair of a
 * client's and an upstream's protocol is a translation (`<client>-to-<upstream>.ts`). `index.ts` has the table of pairs.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Operation } from '../../monitoring/request-records.ts'
import type { CompiledVersion } from '../../resources/snapshot.ts'
import type { GatewayError } from '../errors.ts'
import type { FailureClass } from '../failures.ts'
import type { AnswerBody, RequestBody, UpstreamResponse } from '../upstream/index.ts'
import type { StreamReader } from './sse.ts'

export type { Operation }

/** A path of a client's protocol at which a model is asked. */
export interface Endpoint<Request extends Asking = Asking> {
  readonly operation: Operation
  parse(body: Buffer, headers: IncomingHttpHeaders): Request | GatewayError
}

/** What routing, limits and records need to know of a request; everything else is the business of its translation. */
export interface Asking {
  readonly protocol: string
  readonly operation: Operation
  readonly model: string
  readonly user?: string
  readonly stream: boolean
  readonly includeUsage: boolean
  /** Tokens that it may use at most, as far as can be told without a tokenizer: bytes ÷ 4 for the prompt, and what it asks for. */
  readonly estimatedTokens: number
  readonly json: Readonly<Record<string, unknown>>
}

/** One request on its way to one version, and the way back of its answer. */
export interface Translation {
  /** Below the upstream's base path. */
  readonly path: string
  readonly body: RequestBody
  /** Beside those that every upstream gets. */
  readonly headers?: Readonly<Record<string, string>>
  /** Reads an event stream that passes. */
  stream(): StreamReader
  /** Of an answer that does not say its own. */
  readonly contentType?: string
  /** Whether an answer is passed on piece by piece as it comes, by its headers. */
  readonly flows?: ((headers: UpstreamResponse['headers']) => boolean) | undefined
  /** What a refusal means, where its status alone does not tell; undefined: an answer to give. */
  readonly judge?: Judge
  /** How an answer that is no event stream passes; absent: as it is. */
  readonly rewrite?: (answer: PlainBody) => PlainBody
}

/** `text`: the body of the refusal. */
export type Judge = (status: number, text: string) => FailureClass | undefined

/** An answer in one piece. */
export interface PlainBody {
  readonly status: number
  readonly headers: UpstreamResponse['headers']
  readonly contentType: string
  readonly body: AnswerBody
  /** Headers that go to the client beside the gateway's own. */
  readonly extra?: Readonly<Record<string, string>>
}

/** Throws a `CannotAsk` where the version's server cannot be asked that. */
export type Translator<Request extends Asking> = (request: Request, version: CompiledVersion, body: Buffer) => Translation

/** The version that a request came to has no answer to such a question: the client's mistake, or the operator's. */
export class CannotAsk extends Error {
  readonly refusal: GatewayError

  constructor(refusal: GatewayError) {
    super(refusal.message)
    this.refusal = refusal
  }
}
