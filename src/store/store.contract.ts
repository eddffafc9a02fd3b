/** What every database under the store must do. Called by the test of each: PGlite beside this file, PostgreSQL in test/store. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { manualClock } from '../kernel/clock.ts'
import { Sketch } from '../kernel/sketch.ts'
import type { Resource } from '../resources/index.ts'
import type { Connection } from './connection.ts'
import { sameValue, undone } from './difference.ts'
import { sessionId } from './identity.ts'
import { assemble, type ResourceEvent, type Store } from './index.ts'
import { migrate, schemaVersion } from './migrate.ts'
import { MIGRATIONS, NEWEST } from './migrations.ts'
import type { ScalingDecision, ScalingPoint } from './scaling.ts'
import type { UsageRow } from './usage.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const model = { ...head, kind: 'Model', metadata: { name: 'm' }, spec: {} }
const version = {
  ...head,
  kind: 'ModelVersion',
  metadata: { name: 'm-v1' },
  spec: { model: 'm', version: 'v1', source: { engine: { kind: 'simulated' } } },
}
const route = (weight = 100, metadata: object = {}) => ({
  ...head,
  kind: 'Route',
  metadata: { name: 'm', ...metadata },
  spec: { models: ['m'], targets: [{ version: 'm-v1', weight }] },
})

export function storeContract(name: string, connect: () => Promise<Connection>): void {
  describe(name, () => {
    let connection: Connection
    let store: Store
    const clock = manualClock()
    const events: ResourceEvent[] = []

    beforeAll(async () => {
      connection = await connect()
    }, 120_000)
    afterAll(() => connection?.close())
    beforeEach(async () => {
      await connection.script('drop schema public cascade; create schema public')
      await migrate(connection, await schemaVersion(connection), clock.now())
      store = await assemble(connection, { clock })
      events.length = 0
      store.resources.onChange((each) => events.push(...each))
    })
    const apply = async (...documents: unknown[]) => {
      const result = await store.resources.apply(documents, { actor: 'me' })
      if ('problems' in result) throw new Error(JSON.stringify(result.problems))
      return result.changes
    }
    const get = (kind: 'Model' | 'ModelVersion' | 'Route', each = 'm') => store.resources.get(kind, 'default', each) as Resource
    const reopened = () => assemble(connection, { clock })

    describe('migrations', () => {
      test('run once, in order', async () => {
        expect(await schemaVersion(connection)).toBe(NEWEST)
        await migrate(connection, NEWEST, clock.now())
        expect(await connection.query('select version from schema_migrations')).toHaveLength(MIGRATIONS.length)
      })
      test('a newer database is refused in words', async () => {
        await connection.query('insert into schema_migrations values ($1, $2, $3)', [NEWEST + 1, 'from the future', 0])
        await expect(migrate(connection, await schemaVersion(connection), 0)).rejects.toThrow(/newer Strata/)
      })
      test('a step that fails leaves nothing of itself', async () => {
        const broken = [...MIGRATIONS, { version: NEWEST + 1, name: 'broken', sql: 'create table half (a int); select nonsense' }]
        await expect(migrate(connection, NEWEST, 0, broken)).rejects.toThrow()
        expect(await schemaVersion(connection)).toBe(NEWEST)
        expect(await connection.query(`select to_regclass('half')::text as found`)).toEqual([{ found: null }])
      })
    })

    describe('resources', () => {
      test('what a command has noted stays when a manifest without it is applied', async () => {
        const noted = { 'strata.dev/restarted-at': '2026-11-28T00:00:00Z' }
        const write = (annotations?: Record<string, string>) =>
          store.resources.apply([{ ...head, kind: 'Model', metadata: { name: 'noted', annotations }, spec: {} }], { actor: 'test' })
        await write({ ...noted, mine: '1' })
        await write({ mine: '2' })
        expect(store.resources.get('Model', 'default', 'noted')!.metadata.annotations).toEqual({ ...noted, mine: '2' })
        await write()
        expect(store.resources.get('Model', 'default', 'noted')!.metadata.annotations).toEqual(noted)
      })

      test('apply creates, tells, audits; the same again changes nothing', async () => {
        const changes = await apply(route(), version, model)
        expect(changes.map(({ label, action }) => `${action} ${label}`)).toEqual([
          'create Route/m',
          'create ModelVersion/m-v1',
          'create Model/m',
        ])
        expect(events.map(({ type, resource }) => `${type} ${resource.kind}`)).toEqual(['ADDED Route', 'ADDED ModelVersion', 'ADDED Model'])
        expect(get('Model').metadata).toMatchObject({
          generation: 1,
          namespace: 'default',
          creationTimestamp: new Date(clock.now()).toISOString(),
        })
        expect((await apply(route(), version, model)).map(({ action }) => action)).toEqual(['unchanged', 'unchanged', 'unchanged'])
        expect(events).toHaveLength(3)
        const audit = await store.audit.list({ limit: 10 })
        expect(audit.map(({ actor, action, kind }) => `${actor} ${action} ${kind}`)).toEqual([
          'me create Model',
          'me create ModelVersion',
          'me create Route',
        ])
      })

      test('a change counts generation and resourceVersion, and its audit row says what', async () => {
        await apply(model, version, route())
        const before = get('Route')
        const [change] = await apply({ ...route(), spec: { ...route().spec, retries: { attempts: 0 } } })
        expect(change).toMatchObject({
          action: 'change',
          before: { metadata: { generation: 1 } },
          after: { metadata: { generation: 2, uid: before.metadata.uid } },
        })
        expect(Number(get('Route').metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion))
        const [row] = await store.audit.list({ limit: 1, kind: 'Route' })
        expect(row?.diff).toEqual([{ path: ['spec', 'retries', 'attempts'], before: 1, after: 0 }])
      })

      test('labels change without a new generation', async () => {
        await apply(model)
        await apply({ ...model, metadata: { name: 'm', labels: { a: 'b' } } })
        expect(get('Model').metadata).toMatchObject({ generation: 1, labels: { a: 'b' } })
      })

      test('nothing is applied in part, and every problem of every document is told', async () => {
        const result = await store.resources.apply([model, { ...route(), spec: { models: [], targets: 'x' } }, { ...head, kind: 'Rout' }], {
          actor: 'me',
        })
        expect('problems' in result && result.problems.map(({ document }) => document)).toEqual([1, 1, 2, 2])
        expect(store.resources.list('Model')).toEqual([])
        expect(await store.audit.list({ limit: 10 })).toEqual([])
      })

      test('a dry run tells and does not', async () => {
        const result = await store.resources.apply([model], { actor: 'me', dryRun: true })
        expect(result).toMatchObject({ changes: [{ action: 'create', label: 'Model/m' }] })
        expect(store.resources.list('Model')).toEqual([])
      })

      test('what is not permitted is not written, nor said to be possible', async () => {
        await apply(model, version)
        const seen: unknown[] = []
        const permit = (changes: readonly { label: string; before?: unknown; after?: unknown }[]) => {
          seen.push(changes.map(({ label, before, after }) => [label, before !== undefined, after !== undefined]))
          throw new Error('not you')
        }
        for (const dryRun of [true, false])
          await expect(store.resources.apply([model, route()], { actor: 'me', dryRun, permit })).rejects.toThrow('not you')
        const both = ['Model/m', true, true]
        expect(seen).toEqual(Array(2).fill([both, ['Route/m', false, true]]))
        expect(store.resources.list('Route')).toEqual([])
      })

      test('an old resourceVersion is a conflict, in words', async () => {
        await apply(model, version, route())
        const { resourceVersion } = get('Route').metadata
        await apply(route(100, { labels: { by: 'somebody else' } }))
        await expect(apply(route(100, { resourceVersion, labels: { by: 'me' } }))).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining('has changed since you read it'),
        })
        await apply(route(100, { resourceVersion: get('Route').metadata.resourceVersion, labels: { by: 'me' } }))
        expect(get('Route').metadata.labels).toEqual({ by: 'me' })
      })

      test('an apply that names a generation is refused when somebody has changed the spec since, and only then', async () => {
        await apply(model, version, route())
        await store.resources.setStatus(get('Route') as Resource<'Route'>, { conditions: [] })
        const retried = (attempts: number) => ({ ...route(), spec: { ...route().spec, retries: { attempts } } })
        const at = (generation: number, document: unknown) =>
          store.resources.apply([document], { actor: 'me', generations: { 'Route/m': generation } })
        await at(1, retried(2))
        await expect(at(1, retried(3))).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('it is at 2') })
        expect(get('Route').spec).toMatchObject({ retries: { attempts: 2 } })
        await at(2, retried(3))
        await expect(store.resources.apply([model], { actor: 'me', generations: { 'Model/m': 0 } })).rejects.toMatchObject({
          code: 'conflict',
        })
      })

      test('what a change did can be undone from its audit row, unless somebody has been there since', async () => {
        await apply(model, version, route())
        const written = () => {
          const { metadata, spec } = get('Route')
          return { metadata: { labels: metadata.labels, annotations: metadata.annotations }, spec }
        }
        const before = written()
        await apply({
          ...route(100, { labels: { by: 'me' } }),
          spec: { ...route().spec, models: ['m', 'n'], retries: { attempts: 0 }, limits: [] },
        })
        const [row] = await store.audit.list({ limit: 1, kind: 'Route' })
        expect(sameValue(undone(written(), row!.diff)?.value, before)).toBe(true)
        await apply(route(100, { labels: { by: 'somebody else' } }))
        expect(undone(written(), row!.diff)).toBeUndefined()
      })

      test('of many writers with the same resourceVersion one wins', async () => {
        await apply(model)
        const { resourceVersion } = get('Model').metadata
        const attempts = await Promise.allSettled(
          Array.from({ length: 8 }, (_, i) => apply({ ...model, metadata: { name: 'm', resourceVersion, labels: { by: `w${i}` } } })),
        )
        expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      })

      test('delete is refused while others refer to it, with the list', async () => {
        await apply(model, version, route())
        const options = { actor: 'me' }
        await expect(store.resources.delete('Model', 'default', 'm', options)).rejects.toMatchObject({
          code: 'in_use',
          details: { referrers: ['ModelVersion/m-v1'] },
        })
        await store.resources.delete('Route', 'default', 'm', options)
        await store.resources.delete('ModelVersion', 'default', 'm-v1', options)
        await store.resources.delete('Model', 'default', 'm', options)
        expect(events.slice(-1)).toMatchObject([{ type: 'DELETED', resource: { kind: 'Model' } }])
        await expect(store.resources.delete('Model', 'default', 'm', options)).rejects.toMatchObject({ code: 'not_found' })
        const uid = get('Model')?.metadata.uid
        await apply(model)
        expect(get('Model').metadata.uid).not.toBe(uid)
      })

      test('a status bumps resourceVersion alone, and belongs to one uid', async () => {
        await apply(model, version)
        const before = get('ModelVersion', 'm-v1') as Resource<'ModelVersion'>
        expect(await store.resources.setStatus(before, { conditions: [], state: 'Ready' })).toBe(true)
        const after = get('ModelVersion', 'm-v1')
        expect(after).toMatchObject({ status: { state: 'Ready' }, metadata: { generation: 1 } })
        expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion))
        expect(await store.audit.list({ limit: 10, kind: 'ModelVersion' })).toHaveLength(1)
        const count = events.length
        await store.resources.setStatus(before, { conditions: [], state: 'Ready' })
        expect(events).toHaveLength(count)
        const another = { ...before, metadata: { ...before.metadata, uid: 'another' } }
        expect(await store.resources.setStatus(another, { conditions: [], state: 'Failed' })).toBe(false)
      })

      test('a status survives an apply, and a manifest cannot set it', async () => {
        await apply(model, version)
        await store.resources.setStatus(get('ModelVersion', 'm-v1') as Resource<'ModelVersion'>, { conditions: [], state: 'Ready' })
        await apply({ ...version, status: { state: 'Failed', conditions: [] }, spec: { ...version.spec, scaling: { min: 2 } } })
        expect(get('ModelVersion', 'm-v1')).toMatchObject({
          status: { state: 'Ready' },
          spec: { scaling: { min: 2 } },
          metadata: { generation: 2 },
        })
      })

      test('changes are heard in commit order, each with a higher resourceVersion', async () => {
        await Promise.all(Array.from({ length: 20 }, (_, i) => apply({ ...model, metadata: { name: `m${i}` } })))
        const versions = events.map(({ resource }) => Number(resource.metadata.resourceVersion))
        expect(versions).toEqual([...versions].sort((a, b) => a - b))
        expect(new Set(versions).size).toBe(20)
      })

      test('what was committed is there when the store is opened again', async () => {
        await apply(model, version, route())
        for (const namespace of ['b', 'a', 'c']) await apply({ ...model, metadata: { name: 'of-one-name', namespace } })
        await apply({ ...model, metadata: { name: 'of-one-name', namespace: 'b', labels: { changed: 'yes' } } })
        await store.resources.setStatus(get('ModelVersion', 'm-v1') as Resource<'ModelVersion'>, { conditions: [], state: 'Ready' })
        const again = await reopened()
        expect(again.id).toBe(store.id)
        expect(again.resources.resourceVersion()).toBe(store.resources.resourceVersion())
        for (const kind of ['Model', 'ModelVersion', 'Route'] as const)
          expect(again.resources.list(kind)).toEqual(store.resources.list(kind))
        expect(again.resources.list('Model').map(({ metadata }) => metadata.namespace)).toEqual(['default', 'a', 'b', 'c'])
      })

      test('resourceVersion never goes back, also when the newest resource is gone', async () => {
        await apply(model)
        await store.resources.delete('Model', 'default', 'm', { actor: 'me' })
        expect(Number((await reopened()).resources.resourceVersion())).toBeGreaterThanOrEqual(Number(store.resources.resourceVersion()))
      })

      test('a write that fails in the database leaves memory as it was, and the next one works', async () => {
        await connection.script(`alter table audit add constraint no_joe check (actor <> 'joe')`)
        await expect(store.resources.apply([model], { actor: 'joe' })).rejects.toThrow()
        expect(store.resources.list('Model')).toEqual([])
        expect(events).toEqual([])
        await apply(model)
        expect(events).toHaveLength(1)
      })

      test('many documents are one transaction', async () => {
        const consumer = { ...head, kind: 'Consumer', metadata: { name: 'c' }, spec: {} }
        const keys = Array.from({ length: 1_200 }, (_, i) => ({
          ...head,
          kind: 'ApiKey',
          metadata: { name: `k${i}` },
          spec: { consumer: 'c', hash: i.toString(16).padStart(64, '0') },
        }))
        await apply(consumer, ...keys)
        expect(store.resources.list('ApiKey')).toHaveLength(1_200)
        expect((await reopened()).resources.list('ApiKey')).toHaveLength(1_200)
        expect(await store.audit.list({ limit: 1_000, kind: 'ApiKey' })).toHaveLength(1_000)
      })
    })

    test('the audit is read page by page, newest first', async () => {
      await apply(model, version, route())
      const [first, second] = await store.audit.list({ limit: 2 })
      expect([first?.kind, second?.kind]).toEqual(['Route', 'ModelVersion'])
      expect((await store.audit.list({ limit: 2, before: second!.id })).map(({ kind }) => kind)).toEqual(['Model'])
      expect(await store.audit.list({ limit: 2, actor: 'nobody' })).toEqual([])
      expect(await store.audit.list({ limit: 2, action: 'create', actor: first!.actor })).toHaveLength(2)
    })

    describe('identity', () => {
      test('a token is known by its secret until it expires or is removed', async () => {
        const { identity } = store
        await identity.addToken('s1', { name: 'ci', role: 'editor', expiresAt: clock.now() + 1_000 }, 'me')
        await expect(identity.addToken('s2', { name: 'ci', role: 'viewer' }, 'me')).rejects.toMatchObject({ code: 'conflict' })
        expect(await identity.findToken('s1')).toEqual({ actor: 'token/ci', role: 'editor' })
        expect(await identity.findToken('s2')).toBeUndefined()
        clock.advance(1_000)
        expect(await identity.findToken('s1')).toBeUndefined()
        expect(await identity.listTokens()).toMatchObject([{ name: 'ci', role: 'editor' }])
        expect(await identity.removeToken('ci', 'me')).toBe(true)
        expect(await identity.removeToken('ci', 'me')).toBe(false)
        expect(JSON.stringify(await connection.query('select * from audit'))).not.toContain('s1"')
      })

      test('a login link opens one session, once', async () => {
        const { identity } = store
        await identity.addLoginLink('link', { role: 'admin', expiresAt: clock.now() + 1_000 })
        const opened = await Promise.all([1, 2, 3].map((i) => identity.openLoginLink('link', `session${i}`, clock.now() + 5_000)))
        expect(opened.filter(Boolean)).toHaveLength(1)
        const session = `session${opened.findIndex(Boolean) + 1}`
        expect(await identity.findSession(session)).toEqual({ actor: 'console', role: 'admin' })
        clock.advance(5_000)
        expect(await identity.findSession(session)).toBeUndefined()
        await identity.addLoginLink('old', { role: 'admin', expiresAt: clock.now() })
        expect(await identity.openLoginLink('old', 's', clock.now() + 1)).toBeUndefined()
      })

      test('a session ends', async () => {
        await store.identity.addLoginLink('link', { role: 'viewer', expiresAt: clock.now() + 1_000 })
        await store.identity.openLoginLink('link', 's', clock.now() + 5_000)
        await store.identity.endSession('s')
        expect(await store.identity.findSession('s')).toBeUndefined()
      })

      test('sessions are listed while they open something, and ended by their id', async () => {
        const { identity } = store
        for (const [name, lasts] of [
          ['ana', 5_000],
          ['ben', 1_000],
        ] as const) {
          await identity.addLoginLink(name, { role: 'editor', expiresAt: clock.now() + 1_000, name })
          await identity.openLoginLink(name, `session of ${name}`, clock.now() + lasts)
          clock.advance(1)
        }
        expect((await identity.listSessions()).map(({ actor }) => actor)).toEqual(['console/ben', 'console/ana'])
        clock.advance(1_000)
        const [ana, ...others] = await identity.listSessions()
        expect([ana, others]).toEqual([
          expect.objectContaining({ id: sessionId('session of ana'), actor: 'console/ana', role: 'editor' }),
          [],
        ])
        expect(await identity.revokeSession('0'.repeat(16), 'me')).toBe(false)
        expect(await identity.revokeSession(ana!.id, 'me')).toBe(true)
        expect(await identity.findSession('session of ana')).toBeUndefined()
        expect(await store.audit.list({ kind: 'Session', limit: 1 })).toMatchObject([{ actor: 'me', action: 'logout', name: ana!.id }])
      })
    })

    test('upkeep frees what has expired and leaves the rest', async () => {
      await store.identity.addToken('old', { name: 'old', role: 'viewer', expiresAt: clock.now() + 1 }, 'me')
      await store.identity.addToken('new', { name: 'new', role: 'viewer' }, 'me')
      await store.identity.addLoginLink('link', { role: 'viewer', expiresAt: clock.now() + 1 })
      clock.advance(1)
      await store.upkeep()
      expect((await store.identity.listTokens()).map((each) => each.name)).toEqual(['new'])
      expect(await connection.query('select * from login_links')).toEqual([])
    })

    describe('usage', () => {
      const row = (ms: number, outcome = 'ok'): UsageRow => ({
        ...{ minute: 60_000, gateway: 'g', namespace: 'default', route: 'r', version: 'v', consumer: 'c', outcome, currency: 'USD' },
        ...{ requests: 1, tokensIn: 10, tokensCached: 2, tokensOut: 5, cost: 0.25 },
        total: new Sketch().add(ms),
        firstToken: new Sketch().add(ms / 2),
      })
      test('rows add up, sketches merge, the mark moves with them', async () => {
        await store.usage.fold([row(100)], { gateway: 'g', segment: 's1', offset: 10 })
        await store.usage.fold([row(200), row(5, 'timeout')], { gateway: 'g', segment: 's1', offset: 20 })
        const [ok, timeout] = await store.usage.list(0, 120_000)
        expect(ok).toMatchObject({ outcome: 'ok', requests: 2, tokensIn: 20, tokensCached: 4, tokensOut: 10, cost: 0.5 })
        expect(ok?.total.count).toBe(2)
        expect(ok?.total.quantile(1)).toBeCloseTo(200, -1)
        expect(timeout).toMatchObject({ outcome: 'timeout', requests: 1 })
        expect(await store.usage.marks()).toEqual([{ gateway: 'g', segment: 's1', offset: 20 }])
      })
      test('old minutes become hours: nothing is lost, and twice is once', async () => {
        const hour = 3_600_000
        const mark = { gateway: 'g', segment: 's', offset: 1 }
        await store.usage.fold(
          [0, 60_000, 59 * 60_000, hour, hour + 60_000, 30 * hour + 60_000].map((minute) => ({ ...row(100), minute })),
          mark,
        )
        await store.usage.fold([{ ...row(5, 'timeout'), minute: 60_000 }], mark)
        const until = 2 * hour + 60_000
        expect(await store.usage.rollUp(until)).toBe(true)
        expect(await store.usage.rollUp(until)).toBe(false)
        const rows = await store.usage.list(0, 100 * hour)
        expect(rows.map(({ minute, outcome, requests }) => [minute, outcome, requests])).toEqual([
          [0, 'ok', 3],
          [0, 'timeout', 1],
          [hour, 'ok', 2],
          [30 * hour + 60_000, 'ok', 1],
        ])
        expect(rows[0]).toMatchObject({ tokensOut: 15, cost: 0.75 })
        expect(rows[0]?.total.count).toBe(3)
      })
      test('sums: by consumer, route and outcome, in steps', async () => {
        const mark = { gateway: 'g', segment: 's', offset: 1 }
        const at = (minute: number, more: Partial<UsageRow> = {}) => ({ ...row(1), minute, ...more })
        await store.usage.fold(
          [at(0), at(60_000, { gateway: 'h' }), at(3_600_000), at(60_000, { consumer: 'd' }), at(0, { outcome: 'limited' })],
          mark,
        )
        const whole = await store.usage.sums({ from: 0, to: 7_200_000, stepMs: 7_200_000 })
        expect(whole.map(({ consumer, outcome, at: from, requests, tokensOut }) => [consumer, outcome, from, requests, tokensOut])).toEqual(
          [
            ['c', 'limited', 0, 1, 5],
            ['c', 'ok', 0, 3, 15],
            ['d', 'ok', 0, 1, 5],
          ],
        )
        const hours = await store.usage.sums({ from: 60_000, to: 7_200_000, stepMs: 3_600_000, namespace: 'default', consumer: 'c' })
        expect(hours.map(({ at: from, requests, cost }) => [from, requests, cost])).toEqual([
          [0, 1, 0.25],
          [3_600_000, 1, 0.25],
        ])
      })
      test('uses of keys: the latest stands, and those of keys that are gone are forgotten', async () => {
        const mark = { gateway: 'g', segment: 's', offset: 1 }
        const hash = 'a'.repeat(64)
        const head = { apiVersion: 'strata.dev/v1alpha1' }
        await store.resources.apply(
          [
            { ...head, kind: 'Consumer', metadata: { name: 'c' }, spec: {} },
            { ...head, kind: 'ApiKey', metadata: { name: 'k' }, spec: { consumer: 'c', hash } },
          ],
          { actor: 'me' },
        )
        for (const lastUsed of [2_000, 1_000]) await store.usage.fold([], mark, [{ namespace: 'default', name: 'k', lastUsed }])
        await store.usage.fold([], mark, [{ namespace: 'default', name: 'gone', lastUsed: 1 }])
        expect(await store.usage.keyUses()).toHaveLength(2)
        await store.upkeep()
        expect(await store.usage.keyUses()).toEqual([{ namespace: 'default', name: 'k', lastUsed: 2_000 }])
      })
      test('what else is kept is put in the place of what had its key, and found by how its key begins', async () => {
        const mark = { gateway: 'g', segment: 's', offset: 1 }
        const kept = { a: 'rollout/a', b: 'rollout/b', other: 'rollout_a' }
        await store.usage.fold([], mark, [], new Map([kept.b, kept.a, kept.other].map((key) => [key, '{"n":1}'])))
        await store.usage.fold(
          [],
          mark,
          [],
          new Map([
            [kept.a, '{"n":2}'],
            [kept.b, undefined],
            ['never/there', undefined],
          ]),
        )
        expect([...(await store.usage.kept('rollout/'))]).toEqual([[kept.a, '{"n":2}']])
        expect((await store.usage.kept('')).size).toBe(2)
        expect(await store.usage.kept('nothing')).toEqual(new Map())
      })
      test('rows, what else is kept, and mark are one transaction', async () => {
        await store.usage.fold([], { gateway: 'g', segment: 's', offset: 10 }, [], new Map([['k', 'before']]))
        await connection.script('alter table kept_folds add constraint small check (length(value) < 10)')
        const later = { gateway: 'g', segment: 's', offset: 20 }
        await expect(store.usage.fold([row(1)], later, [], new Map([['k', 'after']]).set('l', 'far too long'))).rejects.toThrow()
        expect(await store.usage.list(0, 120_000)).toEqual([])
        expect(await store.usage.marks()).toEqual([{ gateway: 'g', segment: 's', offset: 10 }])
        expect(await store.usage.kept('')).toEqual(new Map([['k', 'before']]))
      })
    })

    describe('autoscaling', () => {
      const HOUR = 3_600_000
      const decision = (at: number, change: Partial<ScalingDecision> = {}): ScalingDecision => ({
        ...{ uid: 'u', at, from: 1, wanted: 2, asked: 2.4, policy: 'hpa', reason: 'More came.', ready: 1, starting: 0 },
        inputs: { concurrency: 7.5, rule: 'mean', close: true },
        ...change,
      })
      const point = (at: number, change: Partial<ScalingPoint> = {}): ScalingPoint => ({
        ...{ uid: 'u', at, concurrency: 1.5, arrivals: 0.25, queued: 3, wanted: 2, ready: 1, starting: 1, misses: 0.1 },
        firstTokenP95Ms: 812.5,
        ...change,
      })
      test('decisions come back as they were, in the order in which they were made, from a time on', async () => {
        for (const at of [10, 30, 20]) await store.scaling.addDecision(decision(at))
        await store.scaling.addDecision(decision(20, { wanted: 9 })) // the same once more: it stands there already
        await store.scaling.addDecision(decision(20, { uid: 'other' }))
        expect(await store.scaling.decisions('u', 20)).toEqual([decision(30), decision(20)])
        expect(await store.scaling.lastDecisions()).toEqual(new Map([['other', decision(20, { uid: 'other' })]]).set('u', decision(20)))
      })
      test('a minute has one point, the last one', async () => {
        await store.scaling.putPoint(point(60_000))
        await store.scaling.putPoint(point(60_000, { arrivals: 2, firstTokenP95Ms: undefined }))
        await store.scaling.putPoint(point(0))
        const { firstTokenP95Ms: _, ...last } = point(60_000, { arrivals: 2 })
        expect(await store.scaling.points('u', 0)).toEqual([point(0), last])
      })
      test('points are kept for a week, decisions for a month, and nothing of versions that are gone', async () => {
        await apply(model, version)
        const { uid } = get('ModelVersion', 'm-v1').metadata as { uid: string }
        const now = clock.now()
        for (const days of [6, 8, 29, 31])
          for (const each of [uid, 'gone']) {
            await store.scaling.putPoint(point(now - days * 24 * HOUR, { uid: each }))
            await store.scaling.addDecision(decision(now - days * 24 * HOUR, { uid: each }))
          }
        await store.upkeep()
        expect((await store.scaling.points(uid, 0)).map(({ at }) => (now - at) / 24 / HOUR)).toEqual([6])
        expect((await store.scaling.decisions(uid, 0)).map(({ at }) => (now - at) / 24 / HOUR)).toEqual([6, 8, 29])
        expect([await store.scaling.points('gone', 0), await store.scaling.decisions('gone', 0)]).toEqual([[], []])
        await store.scaling.forget(uid)
        expect([await store.scaling.points(uid, 0), await store.scaling.decisions(uid, 0)]).toEqual([[], []])
      })
    })

    test('facts by name', async () => {
      expect(await store.meta.get('x')).toBeUndefined()
      await store.meta.set('x', { a: [1, 'two', null] })
      await store.meta.set('text', 'just text')
      expect(await store.meta.get('x')).toEqual({ a: [1, 'two', null] })
      expect(await store.meta.get('text')).toBe('just text')
    })
  })
}
