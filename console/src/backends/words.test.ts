import { describe, expect, it } from 'vitest'
import type { Resource } from '../../../src/resources/index.ts'
import type { VersionRow } from '../models/versions.ts'
import { backendState, because, consequence, isFor, leadsTo, modelsFound, secretInWords } from './words.ts'

const at = '2026-01-01T00:00:00.000Z'
const condition = (type: string, status: 'True' | 'False' | 'Unknown', message = '') => ({
  ...{ type, status, message, reason: 'X', lastTransitionTime: at },
})
const backend = (conditions: ReturnType<typeof condition>[], observedGeneration = 2) =>
  ({ metadata: { name: 'b', namespace: 'default', generation: 2 }, status: { conditions, observedGeneration } }) as Resource<'Backend'>

describe('the state of a backend', () => {
  it.each([
    ['Asking', 'busy', '', backend([])],
    ['Asking', 'busy', '', backend([condition('Reachable', 'Unknown'), condition('Ready', 'Unknown')])],
    ['Asking', 'busy', '', backend([condition('Reachable', 'True'), condition('Ready', 'True')], 1)],
    ['Down', 'bad', 'gone', backend([condition('Reachable', 'False', 'gone'), condition('Ready', 'False', 'gone')])],
    ['Not ready', 'busy', 'it loads', backend([condition('Reachable', 'True'), condition('Ready', 'False', 'it loads')])],
    ['Ready', 'good', '', backend([condition('Reachable', 'True'), condition('Ready', 'True')])],
  ] as const)('%s, %s', (word, health, reason, each) => {
    expect(backendState(each)).toEqual({ word, health, reason, ...(word === 'Asking' ? {} : { since: at }) })
  })

  it('is being asked for when it has no status at all', () => {
    expect(backendState({ metadata: { name: 'b', namespace: 'default' } })).toMatchObject({ word: 'Asking' })
  })
})

const version = (name: string, shares: [route: string, weight: number, fallback?: boolean][], source: object = {}) =>
  ({
    key: `default/${name}`,
    resource: { spec: { model: 'm', version: name, source: { backend: { name: 'b', ...source } } } },
    shares: shares.map(([route, weight, fallback = false]) => ({ route, namespace: 'default', weight, fallback })),
  }) as unknown as VersionRow

it('tells who is hurt when it does not answer', () => {
  expect(consequence([])).toBe('No version lives on it.')
  expect(consequence([version('v1', [])])).toBe('No route sends requests there.')
  expect(consequence([version('v1', [['a', 100]])])).toBe('The route a sends requests there.')
  expect(
    consequence([
      version('v1', [
        ['b', 10],
        ['c', 0],
      ]),
      version('v2', [['a', 5]]),
    ]),
  ).toBe('The routes a, b send requests there.')
  expect(consequence([version('v1', [['a', 0, true]])])).toBe('It stands by for a.')
})

it('puts the shares of a route together', () => {
  const leads = leadsTo([
    version('v1', [
      ['b', 10],
      ['a', 60],
    ]),
    version('v2', [['a', 40]]),
  ])
  expect(leads.map(({ route, shares }) => [route, shares.map(({ weight }) => weight)])).toEqual([
    ['a', [60, 40]],
    ['b', [10]],
  ])
})

it('knows which of its models a version asks for', () => {
  const there = (name: string, its?: string) => ({ name, state: 'ready' as const, ...(its ? { version: its } : {}) })
  expect(isFor(version('v1', []), there('m', '3'))).toBe(true)
  expect(isFor(version('v1', [], { model: 'big' }), there('m'))).toBe(false)
  expect(isFor(version('v1', [], { model: 'big', version: '2' }), there('big', '2'))).toBe(true)
  expect(isFor(version('v1', [], { model: 'big', version: '2' }), there('big', '3'))).toBe(false)
  expect(isFor(version('v1', [], { model: 'big', version: '2' }), there('big'))).toBe(true)
})

it('finds models by parts of what is said of them', () => {
  const models = [
    { name: 'resnet-10', state: 'ready' as const },
    { name: 'resnet-2', state: 'ready' as const },
    { name: 'resnet-9', version: '2', state: 'failed' as const, reason: 'no GPU' },
    { name: 'bert', state: 'unloaded' as const },
  ]
  const names = (typed: string) => modelsFound(models, typed).map(({ name }) => name)
  expect(names('')).toEqual(['resnet-9', 'resnet-2', 'resnet-10', 'bert'])
  expect(names('RES gpu')).toEqual(['resnet-9'])
  expect(names('not loaded')).toEqual(['bert'])
  expect(names('nothing')).toEqual([])
})

it('goes on a sentence with a reason', () => {
  expect(['', 'it is gone', 'It is gone.'].map(because)).toEqual(['', ': it is gone', ': It is gone'])
})

it('secrets are told by their place', () => {
  expect(secretInWords({ env: 'KEY' })).toEqual({ from: 'the environment variable', name: 'KEY' })
  expect(secretInWords({ file: '/run/key' })).toEqual({ from: 'the file', name: '/run/key' })
})
