/** TensorFlow Serving's list of models, replaced by gRPC: against real stubs and descriptors, and real SavedModels. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ListedModel } from '../../src/serving/backends/tensorflow-serving/plan.ts'
import { modelStates, type ReloadOptions, reloadModels } from '../../src/serving/backends/tensorflow-serving/reload.ts'
import {
  decodeMessage,
  encodeMessage,
  GET_MODEL_STATUS,
  MESSAGES,
  MODEL_STATES,
  RELOAD_CONFIG,
} from '../../src/wire/tensorflow-serving/model-service.ts'
import { INSTALL_TIMEOUT_MS } from './python.ts'
import { startTensorflowServing, type TensorflowServing } from './tensorflow-serving.ts'

let server: TensorflowServing
const never = new AbortController().signal
const address = () => `http://${server.grpcAddress}`
const listed = (name: string, rest: Partial<ListedModel> = {}): ListedModel => ({ name, basePath: join(server.models, name), ...rest })
const reload = (models: readonly ListedModel[], options: ReloadOptions = {}, signal = never) =>
  reloadModels(address(), models, signal, { timeoutMs: 15_000, ...options })
const loaded = async (name: string) =>
  (await modelStates(address(), name, { signal: never, timeoutMs: 5_000, bearer: undefined }))
    .filter(({ state }) => state === 'AVAILABLE')
    .map(({ version }) => version)
/** What `half_plus_two` makes of 0: 2 by its first version, 3 by its second. */
const predict = async (which: string) => {
  const answer = await fetch(`${server.url}/v1/models/half_plus_two${which}:predict`, { method: 'POST', body: '{"instances":[0]}' })
  const json = (await answer.json()) as { predictions?: number[]; error?: string }
  return json.predictions?.[0] ?? json.error
}

describe('a list of models', () => {
  beforeAll(async () => {
    server = await startTensorflowServing({ models: [{ name: 'pair' }], loadDelayMs: 300 })
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => server?.close())
  beforeEach(() => reload([listed('pair')]))

  it('models come and go', async () => {
    await reload([listed('pair'), listed('half_plus_two', { versions: ['1'] })])
    expect([await loaded('pair'), await loaded('half_plus_two')]).toEqual([['1'], ['1']])
    await reload([listed('half_plus_two', { versions: 'all' })])
    await expect.poll(async () => [await loaded('pair'), await loaded('half_plus_two')], { timeout: 5_000 }).toEqual([[], ['2', '1']])
    await reload([])
    await expect.poll(() => loaded('half_plus_two'), { timeout: 5_000 }).toEqual([])
  })

  it('labels of a model that is new, of a version that is new, and labels that are gone', async () => {
    await reload([listed('half_plus_two', { versions: ['1'], labels: { stable: '1' } })])
    expect(await predict('/labels/stable')).toBe(2)
    await reload([listed('half_plus_two', { versions: ['1', '2'], labels: { stable: '1', canary: '2' } })])
    expect([await predict('/labels/stable'), await predict('/labels/canary')]).toEqual([2, 3])
    await reload([listed('half_plus_two', { versions: ['1', '2'], labels: { canary: '1' } })])
    expect([await predict('/labels/stable'), await predict('/labels/canary')]).toEqual(['Unrecognized servable version label: stable', 2])
  })

  it('a label that moves is never without a version', async () => {
    const before = [listed('half_plus_two', { versions: ['1'], labels: { stable: '1' } })]
    await reload(before)
    let done = false
    const seen = new Set<unknown>()
    const moved = reload([listed('half_plus_two', { versions: ['2'], labels: { stable: '2' } })], { before }).finally(() => {
      done = true
    })
    while (!done) seen.add(await predict('/labels/stable'))
    await moved
    expect([2, 3]).toEqual(expect.arrayContaining([...seen]))
    expect(await predict('/labels/stable')).toBe(3)
    await expect.poll(() => loaded('half_plus_two'), { timeout: 5_000 }).toEqual(['2'])
  })

  it('a label of a version that is not there, or cannot be loaded: said in words, and the others are set', async () => {
    const basePath = join(server.models, 'damaged')
    cpSync(join(server.models, 'half_plus_two'), basePath, { recursive: true })
    mkdirSync(join(basePath, '7'))
    writeFileSync(join(basePath, '7', 'saved_model.pb'), 'no model')
    const damaged = listed('damaged', { versions: ['1'] })
    await reload([listed('pair'), damaged])
    const wanted = { ...damaged, versions: ['1', '2', '7'], labels: { bad: '7', good: '2' } }
    await expect(reload([listed('pair'), wanted])).rejects.toThrow(
      /^label "bad" of model "damaged" cannot point at version 7: version 7 of "damaged" could not be loaded: ./,
    )
    expect((await fetch(`${server.url}/v1/models/damaged/labels/good`)).status).toBe(200)

    const absent = [listed('half_plus_two', { versions: ['1', '9'], labels: { a: '1', b: '9' } })]
    const words = `label "b" of model "half_plus_two" cannot point at version 9: it finds no version 9 of "half_plus_two" in ${server.models}/half_plus_two`
    await expect(reload(absent, { timeoutMs: 3_000 })).rejects.toThrow(words)
    expect(await predict('/labels/a')).toBe(2)
    await expect(reload(absent, {}, AbortSignal.timeout(1_000))).rejects.toThrow(words)
  })

  it('a model that cannot be loaded at all, in the words of the server', async () => {
    const basePath = join(server.models, 'broken')
    mkdirSync(join(basePath, '1'), { recursive: true })
    writeFileSync(join(basePath, '1', 'saved_model.pb'), 'no model')
    await expect(reload([listed('pair'), listed('broken')])).rejects.toThrow(
      /^it says UNKNOWN: 1 servable\(s\) did not become available: ./,
    )
  })

  it('a list that is wrong, and an address that is not of gRPC', async () => {
    await expect(reload([listed('pair'), listed('pair')])).rejects.toThrow('model "pair" is listed twice')
    await expect(reloadModels(server.url, [listed('pair')], never)).rejects.toThrow(/^it does not speak gRPC there/)
  })
})

describe('a server that does not answer', () => {
  beforeEach(async () => {
    server = await startTensorflowServing({ models: [{ name: 'pair' }] })
  }, INSTALL_TIMEOUT_MS)
  afterEach(() => server?.close())

  it('a folder that is not there: it waits for ever, and what for is said', async () => {
    const models = [listed('pair'), listed('nowhere', { versions: ['1'] })]
    const words = `it finds no version of "nowhere" in ${server.models}/nowhere. It goes on waiting, and takes no other list before that is there`
    await expect(reload(models, { timeoutMs: 1_500 })).rejects.toThrow(`it has not taken the list of models within 1.5 s: ${words}`)
    await expect(reload(models, {}, AbortSignal.timeout(500))).rejects.toThrow(words)
    await expect(reload([listed('pair')], { timeoutMs: 500 })).rejects.toThrow(
      'it has not taken the list of models within 0.5 s; it may still wait for a model of an earlier list',
    )
    // As it says: it goes on when the model is there.
    cpSync(join(server.models, 'half_plus_two'), join(server.models, 'nowhere'), { recursive: true })
    await reload([listed('pair')])
    expect(await loaded('pair')).toEqual(['1'])
  })

  it('a caller that gives up is told nothing but that', async () => {
    const caller = new AbortController()
    const pending = reload([listed('nowhere')], {}, caller.signal)
    setTimeout(() => caller.abort(new Error('enough')), 300)
    await expect(pending).rejects.toThrow('enough')
  })

  it('one that dies meanwhile, and one that is dead', async () => {
    const pending = reload([listed('nowhere')])
    const stopped = sleep(500).then(() => server.stop('SIGKILL'))
    await expect(pending).rejects.toThrow(/^it (broke the connection|broke off its answer|ended the call without an answer)$/)
    await stopped // a dying process lets go of its connections before it lets go of its port
    await expect(reload([listed('pair')])).rejects.toThrow('nobody listens there (connection refused)')
    await expect(reload([listed('pair', { labels: { a: '1' } })])).rejects.toThrow('nobody listens there (connection refused)')
  })
})

const DESCRIPTORS = `
import json, sys
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_pb2, model_service_pb2, status_pb2
from tensorflow_serving.config import file_system_storage_path_source_pb2, model_server_config_pb2

modules = [get_model_status_pb2, model_management_pb2, model_pb2, status_pb2, file_system_storage_path_source_pb2, model_server_config_pb2]
scalars = {3: "int64", 9: "string", 13: "uint32", 14: "enum"}
messages = {}
def add(message):
    local = lambda full: full.removeprefix("tensorflow.serving.")
    fields = {}
    for field in message.fields:
        kind = scalars.get(field.type) or (local(field.message_type.full_name) if field.message_type else str(field.type))
        fields[field.name] = [field.number, kind] + (["repeated"] if field.is_repeated else [])
    messages[local(message.full_name)] = fields
    for nested in message.nested_types:
        add(nested)
for module in modules:
    for message in module.DESCRIPTOR.message_types_by_name.values():
        add(message)
service = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
facts = {
    "messages": messages,
    "states": dict(get_model_status_pb2.ModelVersionStatus.State.items()),
    "methods": {f"/{service.full_name}/{method.name}": [method.input_type.name, method.output_type.name] for method in service.methods},
}
read = model_management_pb2.ReloadConfigRequest.FromString(bytes.fromhex(sys.argv[1]))
facts["read"] = json_format.MessageToDict(read, preserving_proto_field_name=True)
status = get_model_status_pb2.GetModelStatusResponse()
status.model_version_status.add(version=2**63 - 1, state=30).status.SetInParent()
status.model_version_status.add(version=7, state=50).status.MergeFrom(status_pb2.StatusProto(error_code=9, error_message="n\\u00e9"))
facts["written"] = status.SerializeToString().hex()
print(json.dumps(facts))
`

describe('the messages', () => {
  beforeAll(async () => {
    server = await startTensorflowServing({ models: [] })
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => server?.close())

  it('are those that are published: fields, states, methods, bytes', async () => {
    const config = [
      {
        name: 'm',
        base_path: '/m',
        model_platform: 'tensorflow',
        model_version_policy: { specific: { versions: ['1', '9223372036854775807'] } },
        version_labels: [
          { key: 'a', value: '1' },
          { key: 'b', value: '300' },
        ],
      },
      { name: 'n', model_version_policy: { latest: { num_versions: 3 } } },
      { name: 'o', model_version_policy: { all: {} } },
    ]
    const request = encodeMessage('ReloadConfigRequest', { config: { model_config_list: { config } } })
    const facts = JSON.parse(await server.python(DESCRIPTORS, request.toString('hex')))

    for (const [name, fields] of Object.entries(MESSAGES)) expect(facts.messages, name).toMatchObject({ [name]: fields })
    expect(facts.states).toEqual(MODEL_STATES)
    expect(facts.methods).toEqual({
      [RELOAD_CONFIG]: ['ReloadConfigRequest', 'ReloadConfigResponse'],
      [GET_MODEL_STATUS]: ['GetModelStatusRequest', 'GetModelStatusResponse'],
    })
    const [first, ...rest] = config
    expect(facts.read).toEqual({
      config: { model_config_list: { config: [{ ...first, version_labels: { a: '1', b: '300' } }, ...rest] } },
    })
    expect(decodeMessage('GetModelStatusResponse', Buffer.from(facts.written, 'hex'))).toEqual({
      model_version_status: [
        { version: '9223372036854775807', state: 30, status: {} },
        { version: '7', state: 50, status: { error_code: 9, error_message: 'né' } },
      ],
    })
  })
})
