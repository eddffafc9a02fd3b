import { expect, test } from 'vitest'
import type { WantedModel } from '../port.ts'
import { listOf } from './manage.ts'

const wanted = (over: Partial<WantedModel> = {}): WantedModel => ({ model: 'm', from: '/models/m', workers: { min: 1, max: 1 }, ...over })

test.each<[string, WantedModel[], unknown]>([
  ['nothing', [], []],
  ['the newest', [wanted()], [{ name: 'm', basePath: '/models/m' }]],
  [
    'two versions, one with a label',
    [wanted({ version: '1' }), wanted({ version: '2', label: 'canary' })],
    [{ name: 'm', basePath: '/models/m', versions: ['1', '2'], labels: { canary: '2' } }],
  ],
  ['a version and the newest', [wanted({ version: '1' }), wanted()], [{ name: 'm', basePath: '/models/m', versions: 'all' }]],
  [
    'one of them says where it is',
    [wanted({ version: '1' }), wanted({ version: '2', from: undefined })],
    [{ name: 'm', basePath: '/models/m', versions: ['1', '2'] }],
  ],
])('%s', (_, given, list) => expect(listOf(given)).toEqual(list))

test('a place that nobody names, or two', () => {
  expect(() => listOf([wanted({ from: undefined })])).toThrow('no version says where the model "m" is')
  expect(() => listOf([wanted({ version: '1' }), wanted({ version: '2', from: '/other' })])).toThrow(
    'different base paths: /models/m, /other',
  )
})
