/**
 * The attempts of one request, until an answer's head is there or nothing is left to try. Nothing has gone to the client yet, so trying
 * again is invisible to it; after the first byte nobody tries again.
 *
 * Order: an instance of the assigned version; on a failure that the route's `retries` name, another instance of it; then the route's
 * fallbacks, each for the failures that it names. A version whose instances are all starting or just died is waited for, for a bounded time
 * (`places.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Attempt } from '../monitoring/request-records.ts'
import { type CompiledVersion, entryKey } from '../resources/snapshot.ts'
import type { GatewayError } from './errors.ts'
import { type FailureClass, nextStep, refusalOf } from './failures.ts'
import type { Reading, Work } from './instances.ts'
import { instancesOf, type NoPlace, type Patience, type Place, type PlaceOptions, patienceOf, placeNow, waitForPlace } from './places.ts'
import { CannotAsk, type Judge } from './protocols/protocol.ts'
import type { UpstreamCall, UpstreamFailure, UpstreamRequest, UpstreamResponse, Upstreams } from './upstream/index.ts'
import { readRefusal } from './upstream/read-refusal.ts'

export interface Answered {
  readonly version: CompiledVersion
  readonly instance: string
  readonly response: UpstreamResponse
  readonly simulated: boolean
  /** It waited for an instance to start. */
  readonly cold: boolean
  /** To be told how the answer goes. */
  readonly work: Work
}

export interface GaveUp {
  readonly failure: FailureClass
  readonly message: string
  /** An upstream's refusal that nothing could replace; passed on as it is. */
  readonly response?: UpstreamResponse
  /** What to say to the client, where that is more than the failure. */
  readonly error?: GatewayError
  readonly retryAfterMs: number
  readonly cold: boolean
}

export interface AttemptOptions extends PlaceOptions {
  readonly log: Log
  readonly upstreams: Upstreams
  readonly assigned: CompiledVersion
  readonly pinned: boolean
  /** How long what was asked is, bytes. */
  readonly bytes: number
  request(version: CompiledVersion): Asked
}

type Asked = Omit<UpstreamRequest, 'connectTimeoutMs' | 'firstByteTimeoutMs'> & { readonly judge?: Judge }

/** Before the same server is asked again: TorchServe starts a worker that died within a second. */
const SAME_SERVER_MS = 500
const NONE: ReadonlySet<string> = new Set()

/** What was wrong with an attempt. */
interface Failed extends Pick<GaveUp, 'failure' | 'message' | 'error'> {
  readonly status?: number
  /** An upstream's refusal that may be passed on. */
  readonly refused?: UpstreamResponse
  /** Why no other instance of the version would do: it cannot be asked that, or all of its instances have what they can take. */
  readonly whole?: 'unasked' | 'full'
}

export async function attempt(options: AttemptOptions, attempts: Attempt[]): Promise<Answered | GaveUp> {
  const { route, clock, tracker } = options
  let version = options.assigned
  let retriesLeft = route.retries.attempts
  let fallbacksTried = 0
  let excluded = NONE
  const since = () => Math.round((clock.monotonic() - options.startedAt) * 10) / 10
  let patience: Patience | undefined
  let before: Failed | undefined
  // An upstream's refusal, until somebody else is asked or waited for.
  let refused: UpstreamResponse | undefined
  const letGo = () => {
    refused?.abort()
    refused = undefined
  }

  for (;;) {
    const from = since()
    const behind = options.holds.waiting > 0 && options.holds.waitsFor(version) && !hasFallback(options, fallbacksTried)
    let place: Place | NoPlace | undefined = behind ? undefined : placeNow(options, version, excluded)
    if (!place) {
      letGo()
      patience ??= patienceOf(options)
      place = await waitForPlace(options, version, excluded, hasFallback(options, fallbacksTried), patience)
      // What failed before it stood in a line is as good as any other by now.
      if (patience.stood) excluded = NONE
      // Those who were let go with it have begun by now, and count where they did.
      if ('id' in place) place = placeNow(options, version, excluded) ?? place
    }
    const cold = patience?.cold ?? false
    if (options.client.gone) {
      letGo()
      attempts.push({ version: version.name, error: 'aborted', from, to: since() })
      return { failure: 'aborted', message: 'the client went away', retryAfterMs: 0, cold }
    }

    const instance = 'id' in place ? place.id : undefined
    let tried: Answer | Failed
    if ('failure' in place) tried = place
    else if (tracker.inFlight(place.id) >= place.most) tried = isFull(version, place)
    else {
      const asked = requestFor(options, version)
      if ('failure' in asked) tried = asked
      else {
        letGo()
        tried = await tryAt(options, version, place, asked)
      }
    }
    if ('work' in tried) {
      const { status } = tried.response
      attempts.push({ version: version.name, instance, error: status >= 400 ? 'client_error' : undefined, status, from, to: since() })
      return { version, ...tried, cold }
    }
    attempts.push({ version: version.name, instance, error: tried.failure, status: tried.status, from, to: since() })
    // That nobody else could be asked is no news to who would have been answered by the first.
    const told: Failed = tried.whole && before ? before : tried
    const { failure, message, error } = told
    if (failure === 'aborted') return { failure, message, retryAfterMs: 0, cold }
    before = { failure, message, ...(error ? { error } : {}) }
    if (!tried.whole) {
      letGo()
      refused = tried.refused
    }
    if (instance !== undefined && !tried.whole) excluded = new Set([...excluded, instance])

    const others = !tried.whole && instancesOf(options.tables(), version).some(({ id, state }) => state === 'ready' && !excluded.has(id))
    const isLast = !tried.whole && !others && !hasFallback(options, fallbacksTried)
    // A process that just died is restarted at once: the same instance is worth waiting for when nobody else can answer. Nothing was sent
    // when the connection was refused, so that costs no retry.
    const comesBack = isLast && version.source.type !== 'backend'
    if (comesBack && failure === 'connect') {
      patience ??= patienceOf(options)
      if (clock.monotonic() < patience.coldUntil) {
        excluded = NONE
        continue
      }
    }
    // A server that is not ours has workers of its own, and one that died or was busy is soon free: where nobody else can answer it is asked
    // once more.
    const sameServer = isLast && version.source.type !== 'engine' && failure === 'unavailable'
    const otherInstance = others || comesBack || sameServer
    const step = nextStep(route, tried === told ? [failure] : [failure, tried.failure], {
      retriesLeft,
      otherInstance,
      pinned: options.pinned,
      fallbacksTried,
    })
    if (!step) return { failure, message, response: refused, error, retryAfterMs: 1_000, cold }
    if ('retry' in step) {
      retriesLeft -= 1
      if (!others) excluded = NONE
      if (sameServer) {
        letGo()
        await sleep(SAME_SERVER_MS)
      }
      continue
    }
    const fallback = options.tables().versions.get(entryKey.version(route.namespace, route.fallbacks[step.fallback]!.version))
    fallbacksTried = step.fallback + 1
    if (fallback) {
      version = fallback
      retriesLeft = route.retries.attempts
      excluded = NONE
    }
  }
}

function hasFallback(options: AttemptOptions, tried: number): boolean {
  return !options.pinned && options.route.fallbacks.slice(tried).some(({ on }) => on.includes('unavailable'))
}

/** Undefined where there is no choice: a backend's address is one place. */
function readingOf({ bytes, streams }: AttemptOptions, { uid, source }: CompiledVersion): Reading | undefined {
  return source.type === 'backend' ? undefined : { version: uid, bytes, streams }
}

type Answer = Pick<Answered, 'instance' | 'response' | 'simulated' | 'work'>

/** So is every instance in good standing that has not failed already, or it would have been another one. */
function isFull({ model, version }: CompiledVersion, { most }: Place): Failed {
  const message = `The server of ${model}@${version} has ${most} requests of this gateway already, its limit.`
  return { failure: 'overloaded', message, whole: 'full' }
}

function requestFor(options: AttemptOptions, version: CompiledVersion): Asked | Failed {
  try {
    return options.request(version)
  } catch (error) {
    return unasked(options, version, error)
  }
}

async function tryAt(options: AttemptOptions, version: CompiledVersion, place: Place, request: Asked): Promise<Answer | Failed> {
  const { timeouts } = options.route
  const work = options.tracker.begin(place.id, readingOf(options, version))
  let call: UpstreamCall | undefined
  try {
    const sent = options.upstreams.send(place.target, {
      ...request,
      connectTimeoutMs: timeouts.connect,
      firstByteTimeoutMs: Math.min(timeouts.firstByte, timeouts.total),
    })
    call = sent
    // It stays when there is an answer: that the client goes must reach the answer's body too.
    options.client.onGone = () => sent.abort()
    const head = await sent.head
    if ('kind' in head) {
      work.end(head.kind === 'connect' ? 'refused' : head.kind === 'aborted' ? 'neutral' : 'failed')
      return { failure: head.kind === 'reset' ? 'unavailable' : head.kind, message: describe(head) }
    }
    const { response, refusal } =
      request.judge && head.status >= 400
        ? await judged(version, head, request.judge)
        : { response: head, refusal: refusalOf(version, head.status) }
    if (!refusal) return { instance: place.id, response, simulated: place.simulated, work }
    work.end(refusal === 'overloaded' ? 'neutral' : 'failed')
    const { status } = response
    if (status >= 500 || refusal === 'overloaded')
      return { failure: refusal, message: `The model answered ${status}.`, status, refused: response }
    // A server that refuses the gateway itself says so to nobody else: the client's key is another one.
    response.abort()
    return { failure: refusal, message: 'The server of the model refuses the gateway.', status }
  } catch (error) {
    call?.abort()
    work.end('neutral')
    throw error
  }
}

/** Nothing was sent, and it is not the server's fault: a reason to fall back, and none to ask again. */
function unasked({ log }: AttemptOptions, version: CompiledVersion, error: unknown): Failed {
  const failed = { failure: 'unavailable', message: 'The model could not be asked.', whole: 'unasked' } as const
  if (error instanceof CannotAsk) return { ...failed, error: error.refusal }
  // A backend's secret that is not where it should be: the operator's to mend.
  log.error('a request to a backend cannot be made', { version: version.name, error: messageOf(error) })
  return failed
}

async function judged(version: CompiledVersion, head: UpstreamResponse, judge: Judge) {
  const { text, response } = await readRefusal(head)
  return { response, refusal: judge(head.status, text) ?? refusalOf(version, head.status, true) }
}

function describe(failure: UpstreamFailure): string {
  switch (failure.kind) {
    case 'connect':
      return 'The model could not be reached.'
    case 'timeout':
      return `The model gave ${failure.message}.`
    case 'reset':
      return 'The connection to the model broke before it answered.'
    case 'aborted':
      return 'The client went away.'
  }
}
