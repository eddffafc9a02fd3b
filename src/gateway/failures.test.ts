import { describe, expect, it } from 'vitest'
import type { CompiledVersion } from '../resources/snapshot.ts'
import { type FailureClass, failureOfStatus, nextStep, refusalOf } from './failures.ts'

const route = (over: Partial<Parameters<typeof nextStep>[0]> = {}): Parameters<typeof nextStep>[0] => ({
  retries: { attempts: 1, on: ['connect', 'unavailable'] },
  fallbacks: [
    { version: 'quick', on: ['timeout', 'overloaded'] },
    { version: 'spare', on: ['unavailable'] },
  ],
  ...over,
})
const fresh = { retriesLeft: 1, otherInstance: true, pinned: false, fallbacksTried: 0 }

describe('what follows a failed attempt', () => {
  const cases: [string, FailureClass, Partial<typeof fresh>, ReturnType<typeof nextStep>][] = [
    ['nobody listened, another instance is there', 'connect', {}, { retry: true }],
    ['it broke before a byte came, another instance is there', 'unavailable', {}, { retry: true }],
    ['no retry is left', 'unavailable', { retriesLeft: 0 }, { fallback: 1 }],
    ['no other instance is there', 'connect', { otherInstance: false }, { fallback: 1 }],
    ['no instance is ready', 'no_instance', { otherInstance: false }, { fallback: 1 }],
    ['it was too slow: never again on the same version, it may still be working on it', 'timeout', {}, { fallback: 0 }],
    ['its queue was full', 'overloaded', {}, { fallback: 0 }],
    ['the model failed on it', 'upstream_error', {}, { fallback: 1 }],
    ['the first fallback has been tried', 'timeout', { fallbacksTried: 1 }, undefined],
    ['all have been tried', 'unavailable', { retriesLeft: 0, fallbacksTried: 2 }, undefined],
    ['the caller pinned the version', 'unavailable', { retriesLeft: 0, pinned: true }, undefined],
    ['the caller pinned the version, but another instance of it is there', 'unavailable', { pinned: true }, { retry: true }],
    ['the request itself was wrong', 'client_error', {}, undefined],
    ['the client went away', 'aborted', {}, undefined],
  ]
  it.each(cases)('%s', (_name, failure, state, expected) => {
    expect(nextStep(route(), [failure], { ...fresh, ...state })).toEqual(expected)
  })

  it('retries only what the route names', () => {
    expect(nextStep(route({ retries: { attempts: 1, on: ['connect'] }, fallbacks: [] }), ['unavailable'], fresh)).toBeUndefined()
  })
})

it('tells failures from answers by their status', () => {
  expect([200, 400, 404, 422, 429, 500, 502, 503, 504].map(failureOfStatus)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    'overloaded',
    'upstream_error',
    'unavailable',
    'unavailable',
    'unavailable',
  ])
})

describe('what a refusal means', () => {
  const engine = { source: { type: 'engine', simulated: false } } as CompiledVersion
  const backend = { source: { type: 'backend', protocol: 'openai' } } as CompiledVersion
  it.each<[string, CompiledVersion, number, boolean, FailureClass | undefined]>([
    ['an engine’s 400 is an answer', engine, 400, false, undefined],
    ['a backend’s 404 is an answer', backend, 404, false, undefined],
    ['a backend that refuses our key is away for clients', backend, 401, false, 'unavailable'],
    ['…however it says so', backend, 403, false, 'unavailable'],
    ['an engine has no key of ours to refuse', engine, 401, false, undefined],
    ['503', backend, 503, false, 'unavailable'],
    ['a 503 that by its words is an answer', backend, 503, true, undefined],
    ['429', engine, 429, false, 'overloaded'],
  ])('%s', (_, version, status, judged, failure) => expect(refusalOf(version, status, judged)).toBe(failure))
})
