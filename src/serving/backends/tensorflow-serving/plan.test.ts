import { describe, expect, it } from 'vitest'
import { type ListedModel, planReload, problemOf, type VersionState, whatIsMissing } from './plan.ts'

const model = (rest: Partial<ListedModel> = {}): ListedModel => ({ name: 'm', basePath: '/m', ...rest })
const loaded = (...versions: string[]) => new Map([['m', new Set(versions)]])

describe('the list that it can be told now', () => {
  const stable = { model: 'm', label: 'stable', version: '2' }
  const cases: [
    string,
    ListedModel[],
    ListedModel[],
    ReturnType<typeof loaded>,
    ListedModel[],
    ReturnType<typeof planReload>['waiting'],
  ][] = [
    ['no models', [], [model()], loaded('1'), [], []],
    ['no labels', [model({ versions: ['1'] })], [], loaded(), [model({ versions: ['1'] })], []],
    ['no labels in an empty map', [model({ labels: {} })], [], loaded(), [model()], []],
    [
      'a label of a version that is loaded',
      [model({ labels: { stable: '2' } })],
      [],
      loaded('2'),
      [model({ labels: { stable: '2' } })],
      [],
    ],
    ['a label of one that is not', [model({ labels: { stable: '2' } })], [], loaded('1'), [model()], [stable]],
    [
      'one of each',
      [model({ versions: ['1', '2'], labels: { stable: '2', old: '1' } })],
      [],
      loaded('1'),
      [model({ versions: ['1', '2'], labels: { old: '1' } })],
      [stable],
    ],
    [
      'a label that moves, and stays with its version until then',
      [model({ versions: ['2'], labels: { stable: '2' } })],
      [model({ versions: ['1'], labels: { stable: '1' } })],
      loaded('1'),
      [model({ versions: ['2', '1'], labels: { stable: '1' } })],
      [stable],
    ],
    [
      'a label that has moved',
      [model({ versions: ['2'], labels: { stable: '2' } })],
      [model({ versions: ['1'], labels: { stable: '1' } })],
      loaded('1', '2'),
      [model({ versions: ['2'], labels: { stable: '2' } })],
      [],
    ],
    [
      'a label whose old version is gone',
      [model({ versions: ['2'], labels: { stable: '2' } })],
      [model({ versions: ['1'], labels: { stable: '1' } })],
      loaded(),
      [model({ versions: ['2'] })],
      [stable],
    ],
    [
      'a label that was in another folder',
      [model({ versions: ['2'], labels: { stable: '2' } })],
      [model({ basePath: '/other', versions: ['1'], labels: { stable: '1' } })],
      loaded('1'),
      [model({ versions: ['2'] })],
      [stable],
    ],
    [
      'a label with all versions',
      [model({ versions: 'all', labels: { stable: '2' } })],
      [model({ labels: { stable: '1' } })],
      loaded('1'),
      [model({ versions: 'all', labels: { stable: '1' } })],
      [stable],
    ],
    [
      'a label that is named as what all objects have',
      [model({ labels: { constructor: '2' } })],
      [model({ labels: {} })],
      loaded('1'),
      [model()],
      [{ model: 'm', label: 'constructor', version: '2' }],
    ],
  ]
  it.each(cases)('%s', (_, wanted, before, available, list, waiting) => {
    expect(planReload(wanted, available, before)).toEqual({ list, waiting })
  })
})

describe('a list that is wrong', () => {
  it.each<[string | undefined, ListedModel[]]>([
    [undefined, []],
    [undefined, [model({ versions: ['1', '9223372036854775807'], labels: { a: '1' } }), model({ name: 'n', labels: { a: '7' } })]],
    [undefined, [model({ versions: 'all', labels: { a: '7' } })]],
    ['a model needs a name', [model({ name: '' })]],
    ['model "m" is listed twice', [model(), model()]],
    ['model "m" needs a folder', [model({ basePath: '' })]],
    ['model "m": its list of versions is empty', [model({ versions: [] })]],
    ['model "m": "v1" is no version; TensorFlow Serving\'s are whole numbers', [model({ versions: ['v1'] })]],
    ['model "m": "-1" is no version; TensorFlow Serving\'s are whole numbers', [model({ labels: { a: '-1' } })]],
    [
      'model "m": "9223372036854775808" is no version; TensorFlow Serving\'s are whole numbers',
      [model({ versions: ['9223372036854775808'] })],
    ],
    ['model "m": label "a" points at version 2, which is not among its versions', [model({ versions: ['1'], labels: { a: '2' } })]],
  ])('%s', (problem, models) => {
    expect(problemOf(models)).toBe(problem)
  })
})

describe('what is missing', () => {
  const available: VersionState = { version: '1', state: 'AVAILABLE' }
  const failed: VersionState = { version: '2', state: 'END', error: 'bad bytes' }
  it.each<[string, ListedModel, VersionState[] | undefined, string[]]>([
    ['nothing', model(), [available], []],
    ['nothing of those that are named', model({ versions: ['1'] }), [available, failed], []],
    ['nothing, where one of all is there', model({ versions: 'all' }), [available, failed], []],
    ['a model', model({ versions: ['1', '2'] }), undefined, ['it finds no version of "m" in /m']],
    ['a model that was unloaded', model(), [{ version: '1', state: 'END' }], ['it finds no version of "m" in /m']],
    ['a version', model({ versions: ['1', '3'] }), [available], ['it finds no version 3 of "m" in /m']],
    ['a version that is loaded', model(), [{ version: '1', state: 'LOADING' }], ['version 1 of "m" is LOADING']],
    ['a version that failed', model({ versions: ['1', '2'] }), [available, failed], ['version 2 of "m" could not be loaded: bad bytes']],
  ])('%s', (_, wanted, states, missing) => {
    expect(whatIsMissing(wanted, states)).toEqual(missing)
  })
})
