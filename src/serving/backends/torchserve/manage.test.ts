import { expect, test } from 'vitest'
import type { TorchServeModel } from '../../../wire/torchserve/rest.ts'
import type { UsedModel, WantedModel } from '../port.ts'
import { planSteps } from './manage.ts'

const there = (modelName: string, modelVersion: string, workers: number): TorchServeModel => ({
  modelName,
  modelVersion,
  minWorkers: workers,
  maxWorkers: workers,
  workers: [],
})
const wanted = (over: Partial<WantedModel> = {}): WantedModel => ({ model: 'a', from: 'a.mar', workers: { min: 1, max: 1 }, ...over })

/** The first that is registered of a model is its default, unless `defaults` says otherwise. */
type Case = [wanted: WantedModel[], dismissed: UsedModel[], registered: TorchServeModel[], defaults?: Record<string, string>]

const version = (of: string): WantedModel => wanted({ version: of })
const all = (...versions: string[]) => versions.map((each) => there('a', each, 1))

test.each<[string, Case, string[]]>([
  ['nothing wanted, nothing dismissed', [[], [], [there('other', '1', 1)]], []],
  ['wanted, and not there', [[wanted()], [], []], ['register a', 'scale a']],
  ['wanted with no workers, and not there', [[wanted({ workers: { min: 0, max: 0 } })], [], []], ['register a']],
  ['wanted and not there, and nobody says where it is', [[wanted({ from: undefined })], [], []], []],
  ['there with as many workers', [[wanted()], [], all('1')], []],
  ['there with fewer', [[wanted({ workers: { min: 2, max: 3 } })], [], all('1')], ['scale a']],
  [
    'the default is there with as many, another version with fewer',
    [[wanted()], [], [there('a', '1', 0), there('a', '2', 1)], { a: '2' }],
    [],
  ],
  ['another version of it is there', [[version('2')], [], all('1')], ['register a 2', 'scale a 2']],
  ['two versions wanted, and whichever is the default stays it', [[version('1'), version('2')], [], all('1', '2')], []],
  ['dismissed, and there', [[], [{ model: 'a' }], all('1')], ['unregister a 1']],
  ['dismissed, and gone already', [[], [{ model: 'a' }], []], []],
  ['dismissed by its name and by its version', [[], [{ model: 'a' }, { model: 'a', version: '1' }], all('1')], ['unregister a 1']],
  ['dismissed by its name, and wanted by its version', [[version('2')], [{ model: 'a' }], all('2')], []],
  ['one dismissed that is not the default', [[version('1')], [{ model: 'a', version: '2' }], all('1', '2')], ['unregister a 2']],
  [
    'the default dismissed, another wanted',
    [[version('2')], [{ model: 'a', version: '1' }], all('1', '2')],
    ['set-default a 2', 'unregister a 1'],
  ],
  [
    'the default dismissed, another wanted that is not there yet',
    [[version('2')], [{ model: 'a', version: '1' }], all('1')],
    ['register a 2', 'scale a 2', 'set-default a 2', 'unregister a 1'],
  ],
  [
    'the default dismissed, several wanted: the highest, by numbers',
    [[version('1.10'), version('1.9')], [{ model: 'a', version: '1' }], all('1', '1.10', '1.9')],
    ['set-default a 1.10', 'unregister a 1'],
  ],
  [
    'the default dismissed, the highest wanted is nowhere',
    [[version('2'), wanted({ version: '3', from: undefined })], [{ model: 'a', version: '1' }], all('1', '2')],
    ['set-default a 2', 'unregister a 1'],
  ],
  [
    'all dismissed: the default goes last',
    [[], ['2', '1', '3'].map((each) => ({ model: 'a', version: each })), all('1', '2', '3'), { a: '2' }],
    ['unregister a 1', 'unregister a 3', 'unregister a 2'],
  ],
  [
    'the default dismissed, others are somebody else’s: none of ours to choose',
    [[wanted({ model: 'b', version: '1' })], [{ model: 'a', version: '1' }], [...all('1', '2'), there('b', '1', 1)]],
    ['unregister a 1'],
  ],
])('%s', (_, [want, dismissed, registered, defaults = {}], steps) => {
  const first = registered.toReversed().map(({ modelName, modelVersion }): [string, string] => [modelName, modelVersion])
  const planned = planSteps(want, dismissed, registered, new Map([...first, ...Object.entries(defaults)]))
  expect(planned.map(({ type, model, version: of }) => [type, model, of].filter(Boolean).join(' '))).toEqual(steps)
})
