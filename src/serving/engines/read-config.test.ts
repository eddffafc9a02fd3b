import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { messageOf } from '../../kernel/errors.ts'
import { readEngineConfig } from './read-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'strata-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const config = (listen: unknown = { host: '0.0.0.0', port: 0 }) =>
  JSON.stringify({
    id: 'a-v1-0',
    listen,
    version: { name: 'a-v1', model: 'a', version: 'v1' },
    task: 'chat',
    engine: { kind: 'simulated', parameters: {} },
    prompt: {},
    sampling: {},
  })
const file = (text: string) => {
  const path = join(folder, 'engine.json')
  writeFileSync(path, text)
  return path
}
const given = (text: string) => ({ STRATA_ENGINE_CONFIG: text })

test('a file is read, whatever the environment holds', () => {
  expect(readEngineConfig(file(config()), given('nonsense'))).toMatchObject({ id: 'a-v1-0', drainTimeoutMs: 600_000 })
})

test('without a file it is the environment', () => {
  expect(readEngineConfig(undefined, given(config()))).toMatchObject({ id: 'a-v1-0', listen: { host: '0.0.0.0', port: 0 } })
})

test.each<[string, unknown, string | undefined, unknown]>([
  ['a port of 0 is the one that PORT names', { host: '0.0.0.0', port: 0 }, '8080', { host: '0.0.0.0', port: 8080 }],
  ["or the system's choice", { host: '0.0.0.0', port: 0 }, undefined, { host: '0.0.0.0', port: 0 }],
  ['an empty variable says nothing', { host: '0.0.0.0', port: 0 }, '', { host: '0.0.0.0', port: 0 }],
  ['a port of its own stays', { host: '::', port: 9000 }, '8080', { host: '::', port: 9000 }],
  ['a socket has no port, and a PORT that is none is not looked at', { socketPath: '/s' }, 'web', { socketPath: '/s' }],
])('%s', (_, listen, PORT, expected) => {
  expect(readEngineConfig(undefined, { ...given(config(listen)), PORT }).listen).toEqual(expected)
})

test.each<[string, () => [string | undefined, NodeJS.ProcessEnv], RegExp]>([
  ['nothing at all', () => [undefined, {}], /^Nothing says what this engine shall run\. Give --config FILE, or .* STRATA_ENGINE_CONFIG\.$/],
  ['an empty variable', () => [undefined, given('')], /^Nothing says/],
  ['a file that is not there', () => [join(folder, 'none.json'), {}], /^Cannot read the engine's config .*none\.json: ENOENT/],
  ['a file that is no JSON', () => [file('nonsense'), {}], /^The engine's config .*engine\.json is not JSON: /],
  ['a variable that is no JSON', () => [undefined, given('nonsense')], /^The engine's config in STRATA_ENGINE_CONFIG is not JSON: /],
  ['a config that is none', () => [undefined, given('{"id":7}')], /^The engine's config in STRATA_ENGINE_CONFIG is wrong at id: /],
  ['a PORT that is none', () => [undefined, { ...given(config()), PORT: '80 80' }], /PORT is 80 80\. Ports are whole numbers/],
  ['a PORT beyond all ports', () => [undefined, { ...given(config()), PORT: '65536' }], /PORT is 65536\./],
])('%s: said in words', (_, from, words) => {
  const [path, env] = from()
  const said = () => {
    try {
      return readEngineConfig(path, env)
    } catch (error) {
      return messageOf(error)
    }
  }
  expect(said()).toMatch(words)
})
