import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addChecksum, type CompiledRoute, entryChecksum, entryKey, type SnapshotEntry } from '../resources/snapshot.ts'
import type { Caller } from './authenticate.ts'
import { choose, pickTarget } from './routing.ts'
import { SnapshotBuilder, type Tables } from './snapshot/tables.ts'

const units = Array.from({ length: 4_000 }, (_, i) => ({ kind: 'header' as const, value: `user-${i}` }))
const split = (...targets: [string, number][]) => ({ salt: 's', targets: targets.map(([version, weight]) => ({ version, weight })) })
const count = (route: ReturnType<typeof split>, version: string) =>
  units.filter((unit) => pickTarget(route, unit, 0) === version).length / units.length

describe('sticky routing', () => {
  it('gives each version its share', () => {
    expect(count(split(['a', 90], ['b', 10]), 'b')).toBeCloseTo(0.1, 1)
    expect(count(split(['a', 20], ['b', 30], ['c', 50]), 'c')).toBeCloseTo(0.5, 1)
    expect(count(split(['a', 100], ['b', 0]), 'b')).toBe(0)
  })

  it('never moves a unit out of a version whose share grows at the others’ expense', () => {
    const weights = fc
      .tuple(
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
      )
      .map(([b, grow, aShare, aLoss]) => {
        const before = { a: Math.round(((100 - b) * aShare) / 100), b }
        const taken = Math.min(100 - b, grow)
        const fromA = Math.min(before.a, Math.round((taken * aLoss) / 100))
        const c = 100 - b - before.a
        const fromC = Math.min(c, taken - fromA)
        return [
          split(['a', before.a], ['b', b], ['c', c]),
          split(['a', before.a - fromA], ['b', b + fromA + fromC], ['c', c - fromC]),
        ] as const
      })
    fc.assert(
      fc.property(weights, fc.string({ minLength: 1 }), ([before, after], value) => {
        const unit = { kind: 'header' as const, value }
        if (pickTarget(before, unit, 0) === 'b') expect(pickTarget(after, unit, 0)).toBe('b')
      }),
      { numRuns: 2_000 },
    )
  })

  it('does not care in which order the versions are written', () => {
    for (const unit of units.slice(0, 200)) {
      expect(pickTarget(split(['a', 60], ['b', 40]), unit, 0)).toBe(pickTarget(split(['b', 40], ['a', 60]), unit, 0))
    }
  })

  it('splits anew by the random number where nothing is sticky', () => {
    const route = split(['a', 90], ['b', 10])
    expect(pickTarget(route, { kind: 'random' }, 0)).toBe('a')
    expect(pickTarget(route, { kind: 'random' }, 0.899)).toBe('a')
    expect(pickTarget(route, { kind: 'random' }, 0.901)).toBe('b')
    expect(pickTarget(route, { kind: 'random' }, 0.9999)).toBe('b')
  })

  it('draws two routes’ users independently', () => {
    const one = { ...split(['a', 50], ['b', 50]), salt: 'one' }
    const two = { ...one, salt: 'two' }
    const same = units.filter((unit) => pickTarget(one, unit, 0) === pickTarget(two, unit, 0)).length / units.length
    expect(same).toBeCloseTo(0.5, 1)
  })
})

describe('who sees a release before others do', () => {
  const version = (name: string): SnapshotEntry => ({
    ...{ kind: 'version', name, namespace: 'default', model: 'assistant', version: name, task: 'chat', uid: name, generation: 1 },
    ...{ source: { type: 'engine', simulated: false }, created: 0 },
  })
  const preview = (more: Partial<Preview> = {}): Preview => ({ to: 'v2', headers: {}, consumers: [], ...more })
  type Preview = NonNullable<NonNullable<CompiledRoute['division']>['preview']>

  function tablesOf(shown: Preview | undefined, versions: readonly string[]): Tables {
    const route: CompiledRoute = {
      ...{ kind: 'route', name: 'assistant', namespace: 'default', generation: 1, models: ['assistant'], decidedBy: 'Rollout/r' },
      targets: [
        { version: 'v1', weight: 100 },
        { version: 'v2', weight: 0 },
      ],
      division: { by: 'Rollout/r', uid: 'u', attempt: 1, arms: ['v1', 'v2'], ...(shown && { preview: shown }) },
      ...{ stickyBy: { else: 'random' }, salt: 's', fallbacks: [], limits: [] },
      ...{ timeouts: { connect: 1, firstByte: 1, idle: 1, total: 1 }, retries: { attempts: 0, on: [] } },
    }
    const entries: [string, SnapshotEntry][] = [
      [entryKey.route('default', 'assistant'), route],
      ...versions.map((name): [string, SnapshotEntry] => [entryKey.version('default', name), version(name)]),
    ]
    const builder = new SnapshotBuilder()
    for (const [key, value] of entries) builder.add(key, value)
    const checksum = entries.reduce((sum, [key, value]) => addChecksum(sum, entryChecksum(key, JSON.stringify(value))), 0)
    return builder.finish({ epoch: 'e', version: 1, entries: entries.length, checksum }).tables
  }
  const caller: Caller = {
    key: { kind: 'key', name: 'k', namespace: 'default', consumer: 'shop' },
    consumer: {
      ...{ kind: 'consumer', name: 'shop', namespace: 'default', models: ['*'], pinVersions: true, priority: 'standard', limits: [] },
    },
  }
  function chosen(shown: Preview | undefined, headers: Record<string, string> = {}, model = 'assistant', versions = ['v1', 'v2']) {
    const choice = choose(tablesOf(shown, versions), caller, { model, headers }, 0.5)
    return 'status' in choice ? choice.code : `${choice.assigned.name} by ${choice.why}`
  }
  const beta = preview({ headers: { 'X-Beta': 'yes', 'x-group': 'A' } })

  it.each([
    ['nobody without a preview', undefined, {}, 'v1 by weights'],
    ['nobody where nothing is named', preview(), { 'x-beta': 'yes' }, 'v1 by weights'],
    ['who bears all of the headers', beta, { 'x-beta': 'yes', 'x-group': 'A' }, 'v2 by preview'],
    ['not who bears one of them', beta, { 'x-beta': 'yes' }, 'v1 by weights'],
    ['not who bears another value', beta, { 'x-beta': 'yes', 'x-group': 'a' }, 'v1 by weights'],
    ['a consumer that is named', preview({ consumers: ['office', 'shop'] }), {}, 'v2 by preview'],
    ['no other consumer', preview({ consumers: ['office'] }), {}, 'v1 by weights'],
    ['a consumer that is named, whatever its headers', { ...beta, consumers: ['shop'] }, {}, 'v2 by preview'],
  ])('%s', (_name, shown, headers, expected) => expect(chosen(shown, headers)).toBe(expected))

  it('is not who names a version', () => {
    expect(chosen(preview({ consumers: ['shop'] }), {}, 'assistant@v1')).toBe('v1 by pin')
    expect(chosen(preview({ consumers: ['shop'] }), {}, 'assistant@v2')).toBe('v2 by pin')
  })

  it('is nobody while the version is not there', () => {
    expect(chosen(preview({ consumers: ['shop'] }), {}, 'assistant', ['v1'])).toBe('v1 by weights')
  })
})
