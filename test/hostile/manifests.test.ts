/**
 * Manifests that nobody means well with, at `POST /apply` of a real control API on a real database: checked alone (dry run) and for good.
 * Allowed: done, or refused in words of our shape. What was taken must come back from the database as it was taken, and compile into a
 * snapshot that a gateway can use. `seed.ts` says from what they are drawn.
 */
import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseDocument, stringify } from 'yaml'
import { readDocuments } from '../../src/cli/manifest/documents.ts'
import { type ExampleControl, exampleControl } from '../../src/control/example-context.ts'
import { compileResource } from '../../src/control/feed/compile.ts'
import { createPublisher } from '../../src/control/publish.ts'
import { createServer } from '../../src/control/server.ts'
import { SnapshotBuilder } from '../../src/gateway/snapshot/tables.ts'
import { sha256Hex } from '../../src/kernel/ids.ts'
import { BESIDES, EXAMPLES } from '../../src/resources/examples.ts'
import { KIND_NAMES } from '../../src/resources/index.ts'
import { jsonSchemaOf } from '../../src/resources/json-schema.ts'
import { validateResource } from '../../src/resources/problems.ts'
import type { Connection } from '../../src/store/connection.ts'
import { openScratch } from '../../src/store/pglite.ts'
import { openResources } from '../../src/store/resources.ts'
import { allowedBy, damaged, hostileText, mutated } from './mutations.ts'
import './seed.ts'

const RUNS = Number(process.env.STRATA_FUZZ_RUNS ?? 2_000)
const ADMIN = 'admin-token'

let connection: Connection
let control: ExampleControl
let app: FastifyInstance
const failures: string[] = []
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

beforeAll(async () => {
  connection = await openScratch()
  control = await exampleControl({ connection })
  control.context.log.error = (message: string, fields?: object) => void failures.push(`${message} ${JSON.stringify(fields)}`)
  createPublisher(control.context.store.resources, control.context.feed, { kind: 'settings', gateways: 1, maxBodyBytes: 1024 }).first([])
  app = createServer(control.context)
  await app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  agent.destroy()
  await app.close()
  await control.close()
  await connection.close()
})

interface Answer {
  readonly status: number
  readonly text: string
}

function apply(body: Buffer): Promise<Answer> {
  const { port } = app.server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json', 'content-length': body.length }
    const sent = request(
      { port, host: '127.0.0.1', method: 'POST', path: '/api/v1alpha1/apply', headers, agent, timeout: 20_000 },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(parts).toString('utf8') }))
      },
    )
    sent.on('timeout', () => sent.destroy(new Error('no answer within 20 s')))
    sent.on('error', reject)
    sent.end(body)
  })
}

function check({ status, text }: Answer): void {
  expect(failures.splice(0)).toEqual([])
  expect(text).not.toContain(ADMIN)
  const body = JSON.parse(text)
  if (status === 200) {
    expect(Array.isArray(body.changes)).toBe(true)
    return
  }
  expect([400, 409, 413, 422]).toContain(status)
  expect(body.error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  if (status !== 422) return
  expect(body.problems.length).toBeGreaterThan(0)
  for (const { document, path, message } of body.problems)
    expect([Number.isInteger(document), Array.isArray(path), typeof message, message === '']).toEqual([true, true, 'string', false])
}

const examples = KIND_NAMES.map((kind) => parseDocument(EXAMPLES[kind]).toJS() as unknown)
const besides = BESIDES.map((text) => parseDocument(text).toJS() as unknown)
/** Fine by their schema, with texts where texts may be anything. */
const wordy = fc
  .record({ example: fc.constantFrom(...examples), name: fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), text: hostileText, other: hostileText })
  .map(({ example, name, text, other }) => {
    const { kind, metadata, spec } = structuredClone(example) as { kind: string; metadata: object; spec: Record<string, unknown> }
    const free =
      kind === 'Model'
        ? { description: text }
        : kind === 'ModelVersion'
          ? { version: name, prompt: { system: text }, sampling: { stop: [text] } }
          : {}
    const own = kind === 'Route' ? { models: [`m-${name}`] } : kind === 'ApiKey' ? { hash: sha256Hex(name) } : {}
    const head = { ...metadata, name, annotations: { [other]: text, note: other } }
    return { apiVersion: 'strata.dev/v1alpha1', kind, metadata: head, spec: { ...spec, ...free, ...own } }
  })
const documents = fc.oneof(
  { weight: 6, arbitrary: wordy },
  fc.constantFrom(...examples),
  ...KIND_NAMES.map((kind) => allowedBy(jsonSchemaOf(kind))),
)
const bodies = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(mutated(documents, 1), { minLength: 1, maxLength: 2 }).map((all) => `{"documents":[${all.join(',')}]}`),
  },
  { weight: 6, arbitrary: fc.array(mutated(documents), { minLength: 1, maxLength: 3 }).map((all) => `{"documents":[${all.join(',')}]}`) },
  { weight: 2, arbitrary: mutated(fc.constant({ documents: examples, generations: { 'Route/helper': 1 } }), 3) },
)

const yaml = fc.oneof(
  fc.constantFrom(...KIND_NAMES.map((kind) => EXAMPLES[kind])),
  documents.map((document) => stringify(document, { aliasDuplicateObjects: false })),
)
/** Pieces of YAML that mean more than they say. */
const TRICKS = [
  '&a ',
  '*a',
  '<<: *a\n',
  '<<: [*a, *a]\n',
  '&a [*a]',
  '&a { <<: *a }',
  '!!binary aGk=',
  '!!set { a }',
  '!!js/function x',
  '!foo ',
  '? ',
  '? [a]\n: 1\n',
  '{{{{{{{{a}}}}}}}}',
  '[[[[',
  ': ',
  '- ',
  '---\n',
  '...\n',
  '%YAML 1.1\n---\n',
  '%TAG ! tag:x,1:\n---\n',
  '|\n',
  '>-\n  ',
  '\t',
  '#',
  '\0',
  '\ufeff',
  '"',
  "'",
  '"\\ud800"',
  '__proto__: { kind: Route }\n',
  'kind: Route\nkind: Route\n',
  '.inf',
  '.nan',
  `0x${'f'.repeat(300)}`,
  '1e9999',
  '~',
  'null',
  '\u2028',
  '\r',
  '\n\n',
  '  ',
  'a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n',
  'k'.repeat(1_100),
]

describe('manifests', () => {
  it('the examples are taken', async () => {
    expect((await apply(Buffer.from(JSON.stringify({ documents: [...examples, ...besides] })))).status).toBe(200)
  })

  it(`${RUNS} of them, checked and applied`, { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async (text) => {
        const checked = await apply(Buffer.from(text.replace(/}$/, ',"dryRun":true}')))
        check(checked)
        const applied = await apply(Buffer.from(text))
        check(applied)
        expect([checked.status, text.length]).toEqual([applied.status, text.length])
      }),
      { numRuns: RUNS * 0.75, interruptAfterTimeLimit: 200_000, markInterruptAsFailure: true },
    )
    await fc.assert(
      fc.asyncProperty(damaged(bodies), async (body) => check(await apply(body))),
      { numRuns: RUNS * 0.25, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    )
  })

  it(`${RUNS} texts of YAML are read, or refused line by line, and what is read can be sent`, { timeout: 120_000 }, async () => {
    const texts = fc.oneof(
      fc.tuple(
        yaml,
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(...TRICKS), fc.string({ unit: 'binary', maxLength: 6 }))), { maxLength: 4 }),
      ),
      fc.tuple(fc.constant(''), fc.array(fc.tuple(fc.nat(), fc.constantFrom(...TRICKS)), { minLength: 1, maxLength: 8 })),
    )
    await fc.assert(
      fc.asyncProperty(texts, async ([text, edits]) => {
        const edited = edits.reduce((before, [at, trick]) => {
          const place = at % (before.length + 1)
          return `${before.slice(0, place)}${trick}${before.slice(place)}`
        }, text)
        const { documents: read, problems } = readDocuments('fuzzed.yaml', edited)
        for (const { position, message } of problems) {
          expect([Number.isInteger(position.line), Number.isInteger(position.column), message.length > 0]).toEqual([true, true, true])
          expect(message).not.toMatch(/call stack|undefined|\[object/)
        }
        for (const { value, positionOf } of read) {
          const result = validateResource(value)
          if ('problems' in result) for (const problem of result.problems) positionOf(problem.path, 'value')
        }
        if (read.length > 0) check(await apply(Buffer.from(JSON.stringify({ documents: read.map(({ value }) => value), dryRun: true }))))
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true },
    )
  })

  it('what was taken is what the database holds, and a gateway can use it', async () => {
    const { resources } = control.context.store
    const fresh = await openResources(connection, control.clock)
    const builder = new SnapshotBuilder()
    for (const kind of KIND_NAMES) {
      expect(fresh.list(kind)).toEqual(resources.list(kind).map((each) => JSON.parse(JSON.stringify(each))))
      for (const resource of fresh.list(kind)) {
        const entries = compileResource(resource, {
          backend: (namespace, name) => fresh.get('Backend', namespace, name),
          task: () => 'chat',
          deciders: () => ({ rollouts: [], experiments: [] }),
        })
        for (const [key, entry] of entries) {
          if (entry.kind === 'version' && entry.source.type === 'backend')
            expect(() => new URL((entry.source as { address: string }).address)).not.toThrow()
          builder.add(key, entry)
        }
      }
    }
    expect(builder.size).toBeGreaterThan(10)
  })
})
