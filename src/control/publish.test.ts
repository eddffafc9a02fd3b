import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { sha256Hex } from '../kernel/ids.ts'
import { type CompiledInstance, entryKey, type SnapshotEntry } from '../resources/snapshot.ts'
import type { Connection } from '../store/connection.ts'
import { openScratch } from '../store/pglite.ts'
import { bootstrap, DEFAULT_MODEL, shownPrefix } from './bootstrap.ts'
import { type ExampleControl, exampleControl } from './example-context.ts'
import type { SnapshotFeed } from './feed/index.ts'
import { createPublisher, type Publisher } from './publish.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const settings = { kind: 'settings', gateways: 1, maxBodyBytes: 1 } as const
const instance = (id: string, state: CompiledInstance['state'] = 'ready'): CompiledInstance => ({
  ...{
    kind: 'instance',
    id,
    version: 'v',
    namespace: 'default',
    address: { socketPath: '/s' },
    state,
    run: 0,
    sequences: 1,
    maxWaiting: 1,
    simulated: false,
  },
})

let connection: Connection
let control: ExampleControl
let publisher: Publisher
let entries: Map<string, SnapshotEntry>
let updates: { set: string[]; del: string[] }[]

beforeAll(async () => {
  connection = await openScratch()
}, 60_000)
afterAll(() => connection.close())

beforeEach(async () => {
  control = await exampleControl({ connection })
  entries = new Map()
  updates = []
  const feed: Pick<SnapshotFeed, 'load' | 'update'> = {
    load(all) {
      entries = new Map(all)
    },
    update(set, del = []) {
      const gone = [...del]
      updates.push({ set: [...set.keys()], del: gone })
      for (const key of gone) entries.delete(key)
      for (const [key, value] of set) entries.set(key, value)
      return updates.length + 1
    },
  }
  publisher = createPublisher(control.context.store.resources, feed as SnapshotFeed, settings)
})
afterEach(() => control.close())

const apply = async (...documents: unknown[]) => {
  const result = await control.context.store.resources.apply(documents, { actor: 'me' })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
}
const key = (name: string, spec: object = {}) => ({
  ...head,
  kind: 'ApiKey',
  metadata: { name },
  spec: { consumer: 'default', hash: sha256Hex(name), ...spec },
})

test('a fresh system: the default model, two consumers, the keys of the credentials; then each change alone', async () => {
  const { store, credentials } = control.context
  await bootstrap(store, credentials, undefined)
  expect(updates).toEqual([]) // nothing before the whole
  publisher.first([instance('i0')])
  expect([...entries.keys()].sort()).toEqual(
    [
      'settings/gateway',
      'route/default/assistant',
      'version/default/assistant-v1',
      'consumer/default/default',
      'consumer/default/console',
      entryKey.key(sha256Hex('sk-1')),
      entryKey.key(sha256Hex('sk-console')),
      'instance/i0',
    ].sort(),
  )

  await apply(key('k'))
  expect(updates.at(-1)).toEqual({ set: [entryKey.key(sha256Hex('k'))], del: [] })
  await apply(key('k', { revoked: true }))
  expect(updates.at(-1)).toEqual({ set: [], del: [entryKey.key(sha256Hex('k'))] })
  await store.resources.delete('Route', 'default', 'assistant', { actor: 'me' })
  expect(updates.at(-1)).toEqual({ set: [], del: ['route/default/assistant'] })

  publisher.instances([instance('i0', 'draining'), instance('i1')])
  publisher.instances([instance('i1')])
  expect(updates.at(-1)).toEqual({ set: ['instance/i1'], del: ['instance/i0'] })

  // A second start makes nothing anew, and brings nothing back that was deleted.
  await bootstrap(store, credentials, undefined)
  expect(store.resources.get('Route', 'default', 'assistant')).toBeUndefined()
  // A key that was preset anew works; the old one is not taken away.
  await bootstrap(store, { ...credentials, apiKey: 'sk-preset' }, undefined)
  expect(entries.has(entryKey.key(sha256Hex('sk-preset')))).toBe(true)
  expect(entries.has(entryKey.key(sha256Hex('sk-1')))).toBe(true)
})

test('a backend that moves takes its versions along', async () => {
  publisher.first([])
  const backend = (address: string) => ({ ...head, kind: 'Backend', metadata: { name: 'b' }, spec: { protocol: 'openai', address } })
  await apply({ ...head, kind: 'Model', metadata: { name: 'm' }, spec: {} }, backend('http://a/v1'), {
    ...head,
    kind: 'ModelVersion',
    metadata: { name: 'm-v1' },
    spec: { model: 'm', version: 'v1', source: { backend: { name: 'b' } } },
  })
  expect(entries.get('version/default/m-v1')).toMatchObject({ source: { address: 'http://a/v1' } })
  await apply(backend('http://b/v1'))
  expect(entries.get('version/default/m-v1')).toMatchObject({ source: { address: 'http://b/v1' } })
  await apply({ ...head, kind: 'Model', metadata: { name: 'm' }, spec: { task: 'embedding' } })
  expect(entries.get('version/default/m-v1')).toMatchObject({ task: 'embedding' })
})

test('bootstrap "none" leaves the model out; a file that is wrong is refused with its problems', async () => {
  const { store, credentials } = control.context
  await expect(bootstrap(store, credentials, '/nonexistent.yaml')).rejects.toMatchObject({ code: 'bootstrap_failed' })
  const folder = mkdtempSync(join(tmpdir(), 'strata-bootstrap-'))
  const file = join(folder, 'first.yaml')
  writeFileSync(file, 'a: 1\nb: R\xe9pons', 'latin1')
  await expect(bootstrap(store, credentials, file)).rejects.toThrow(`${file}:2:5: the byte 0xE9 is not UTF-8`)
  rmSync(folder, { recursive: true })
  await bootstrap(store, credentials, 'none')
  expect(store.resources.list('Model')).toEqual([])
  expect(store.resources.list('Consumer').map(({ metadata }) => metadata.name)).toEqual(['console', 'default'])
})

test('bootstrap takes a list of manifests, as `strata get -o json` prints it', async () => {
  const { store, credentials } = control.context
  const folder = mkdtempSync(join(tmpdir(), 'strata-bootstrap-'))
  const file = join(folder, 'first.json')
  writeFileSync(file, JSON.stringify({ items: DEFAULT_MODEL }))
  await bootstrap(store, credentials, file)
  expect(store.resources.list('Route')).toHaveLength(1)
  rmSync(folder, { recursive: true })
})

test('the default model is valid', async () => {
  await apply(...DEFAULT_MODEL)
})

test.each([
  ['sk-strata-AbCdEfGhIjKlMnOp', 'sk-strat'],
  [`sk-strata-${'x'.repeat(40)}`, 'sk-strata-xxx'],
  [`sk-strata-console-${'x'.repeat(40)}`, 'sk-strata-consol'],
  ['short', 's'],
])('of %s people see %s', (secret, shown) => {
  expect(shownPrefix(secret)).toBe(shown)
})
