import { expect, test } from 'vitest'
import type { TorchServeModel } from '../../../wire/torchserve/rest.ts'
import type { WantedModel } from '../port.ts'
import { planSteps } from './manage.ts'

const there = (modelName: string, modelVersion: string, workers: number): TorchServeModel => ({
  modelName,
  modelVersion,
  minWorkers: workers,
  maxWorkers: workers,
  workers: [],
})
const wanted = (over: Partial<WantedModel> = {}): WantedModel => ({ model: 'a', from: 'a.mar', workers: { min: 1, max: 1 }, ...over })

test.each<[string, Parameters<typeof planSteps>, string[]]>([
  ['nothing wanted, nothing dismissed', [[], [], [there('other', '1', 1)]], []],
  ['wanted, and not there', [[wanted()], [], []], ['register a']],
  ['wanted and not there, and nobody says where it is', [[wanted({ from: undefined })], [], []], []],
  ['there with as many workers', [[wanted()], [], [there('a', '1', 1)]], []],
  ['there with fewer', [[wanted({ workers: { min: 2, max: 3 } })], [], [there('a', '1', 1)]], ['scale a']],
  ['another version of it is there', [[wanted({ version: '2' })], [], [there('a', '1', 1)]], ['register a']],
  ['dismissed, and there', [[], [{ model: 'a' }], [there('a', '1', 1)]], ['unregister a']],
  ['dismissed, and gone already', [[], [{ model: 'a' }], []], []],
  [
    'one version dismissed, another wanted',
    [[wanted({ version: '2' })], [{ model: 'a', version: '1' }], [there('a', '1', 1), there('a', '2', 1)]],
    ['unregister a'],
  ],
  ['dismissed by its name, and wanted by its version', [[wanted({ version: '2' })], [{ model: 'a' }], [there('a', '2', 1)]], []],
])('%s', (_, args, steps) => {
  expect(planSteps(...args).map(({ type, model }) => `${type} ${model}`)).toEqual(steps)
})
