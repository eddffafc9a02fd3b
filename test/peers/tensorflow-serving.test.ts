/** That the stand-in for TensorFlow Serving answers as the published descriptions of the original say. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { INSTALL_TIMEOUT_MS } from './python.ts'
import { startTensorflowServing, type TensorflowServing } from './tensorflow-serving.ts'

let server: TensorflowServing
beforeAll(async () => {
  server = await startTensorflowServing()
}, INSTALL_TIMEOUT_MS)
afterAll(() => server?.close())

const get = async (path: string) => (await fetch(`${server.url}/v1/models/${path}`)).json()
const ask = (path: string, body: unknown) =>
  fetch(`${server.url}/v1/models/${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
const post = async (path: string, body: unknown) => {
  const answer = await ask(path, body)
  return [answer.status, await answer.json()]
}
const predict = async (model: string, body: unknown) => (await post(`${model}:predict`, body))[1]

describe('REST', () => {
  it('predicts by row', async () => {
    expect(await predict('half_plus_two/versions/1', { instances: [1, 2, 5] })).toEqual({ predictions: [2.5, 3, 4.5] })
    expect(await predict('half_plus_two/versions/1', { instances: [{ x: 1 }] })).toEqual({ predictions: [2.5] })
    expect(await predict('half_plus_two', { instances: [1] })).toEqual({ predictions: [3.5] })
    const instances = [
      { a: [1, 2], b: 3 },
      { a: [4, 5], b: -1 },
    ]
    expect(await predict('pair', { instances })).toEqual({
      predictions: [
        { scaled: [3, 6], count: 4 },
        { scaled: [-4, -5], count: 0 },
      ],
    })
  })

  it('predicts by column', async () => {
    expect(await predict('half_plus_two/labels/canary', { inputs: [1] })).toEqual({ outputs: [3.5] })
    expect(await predict('pair', { inputs: { a: [[1, 2]], b: [3] } })).toEqual({ outputs: { scaled: [[3, 6]], count: [4] } })
    expect(await predict('identity', { signature_name: 'int64', inputs: 7 })).toEqual({ outputs: 7 })
  })

  it('carries bytes, and numbers that JSON has no word for', async () => {
    expect(await predict('text', { instances: ['é', { b64: Buffer.from('b').toString('base64') }] })).toEqual({
      predictions: [
        { upper: 'É', raw_bytes: { b64: Buffer.from([0xff, 0xc3, 0xa9]).toString('base64') } },
        { upper: 'B', raw_bytes: { b64: Buffer.from([0xff, 0x62]).toString('base64') } },
      ],
    })
    const special = await ask('identity:predict', '{"instances": [NaN, Infinity, -Infinity, 0.1, 1e30]}')
    expect(await special.text()).toBe('{"predictions": [NaN, Infinity, -Infinity, 0.1, 1e+30]}')
  })

  it('classifies and regresses', async () => {
    const examples = [{ x: 0.0001 }, { x: 100.5 }]
    const [, { results }] = (await post('graded:classify', { examples })) as [number, { results: [string, number][][] }]
    expect(results.map((row) => row.map(([label]) => label))).toEqual(Array(2).fill(['low', 'high']))
    expect(results[1]![1]![1]).toBeCloseTo(1)
    expect(await post('graded:regress', { signature_name: 'regress', examples: [{}, {}], context: { x: 1.5 } })).toEqual([
      200,
      { results: [2.75, 2.75] },
    ])
  })

  it('tells states and signatures', async () => {
    const available = (version: string) => ({ version, state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } })
    expect(await get('half_plus_two')).toEqual({ model_version_status: [available('2'), available('1')] })
    expect(await get('half_plus_two/labels/stable')).toEqual({ model_version_status: [available('1')] })
    expect(await get('half_plus_two/metadata')).toMatchObject({
      model_spec: { name: 'half_plus_two', version: '2' },
      metadata: {
        signature_def: {
          signature_def: {
            serving_default: {
              inputs: { x: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }] } } },
              outputs: { y: { dtype: 'DT_FLOAT' } },
              method_name: 'tensorflow/serving/predict',
            },
          },
        },
      },
    })
  })

  it('says why not', async () => {
    const error = (words: string) => ({ error: expect.stringContaining(words) })
    expect(await post('none:predict', { instances: [1] })).toEqual([404, error('Servable not found for request: Latest(none)')])
    expect(await post('half_plus_two/versions/9:predict', { instances: [1] })).toEqual([404, error('Specific(half_plus_two, 9)')])
    expect(await post('half_plus_two/labels/no:predict', { instances: [1] })).toEqual([
      400,
      error('Unrecognized servable version label: no'),
    ])
    expect(await get('none')).toEqual({ error: 'Could not find any versions of model none' })
    expect(await post('half_plus_two:predict', { instances: ['a'] })).toEqual([400, error('is not of expected type: float')])
    expect(await post('half_plus_two:predict', '{')).toEqual([400, error('JSON Parse error')])
    expect(await post('pair:predict', { inputs: { a: [[1, 2]] } })).toEqual([400, error("Missing named input: b in 'inputs' object.")])
    expect(await post('graded:classify', { examples: [{ x: 1 }] })).toEqual([400, error("Data types don't match")])
  })
})

const CLIENT = `
import json, sys, grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

address, models = sys.argv[1:]
channel = grpc.insecure_channel(address)
predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
service = model_service_pb2_grpc.ModelServiceStub(channel)
facts = {}

request = predict_pb2.PredictRequest()
request.model_spec.name = "pair"
request.inputs["a"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0]]))
request.inputs["b"].CopyFrom(tf.make_tensor_proto(np.array([3], np.int32)))
request.output_filter.append("scaled")
answer = predictions.Predict(request, timeout=10)
facts["scaled"] = list(answer.outputs["scaled"].float_val)
facts["outputs"] = list(answer.outputs)
facts["version"] = answer.model_spec.version.value

def status(name):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    states = get_model_status_pb2.ModelVersionStatus.State
    return {str(each.version): states.Name(each.state) for each in service.GetModelStatus(request, timeout=10).model_version_status}

def reload(*configs):
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    for name, versions, labels in configs:
        config = request.config.model_config_list.config.add(name=name, base_path=f"{models}/{name}", model_platform="tensorflow")
        config.model_version_policy.specific.versions.extend(versions)
        for label, version in labels.items():
            config.version_labels[label] = version
    try:
        service.HandleReloadConfigRequest(request, timeout=10)
        return "reloaded"
    except grpc.RpcError as error:
        return [error.code().name, error.details()]

def until(name, expected):
    while status(name) != expected:
        pass

facts["moved to what is not loaded"] = reload(("half_plus_two", [1, 2], {"stable": 7}))
facts["replaced"] = reload(("half_plus_two", [2], {"only": 2}))
until("half_plus_two", {"2": "AVAILABLE", "1": "END"})
until("pair", {"1": "END"})
request.model_spec.name = "pair"
try:
    predictions.Predict(request, timeout=10)
except grpc.RpcError as error:
    facts["gone"] = [error.code().name, error.details()]
facts["added"] = reload(("half_plus_two", [2], {}), ("text", [1], {}))
facts["text"] = status("text")
print(json.dumps(facts))
`

describe('gRPC, with the stubs of tensorflow-serving-api', () => {
  it('predicts, and replaces the whole list of models', async () => {
    const facts = JSON.parse(await server.python(CLIENT, server.grpcAddress, server.models))
    expect(facts).toEqual({
      scaled: [3, 6],
      outputs: ['scaled'],
      version: 1,
      'moved to what is not loaded': [
        'FAILED_PRECONDITION',
        'Request to assign label to version 7 of model half_plus_two, which is not currently available for inference',
      ],
      replaced: 'reloaded',
      gone: ['NOT_FOUND', 'Servable not found for request: Latest(pair)'],
      added: 'reloaded',
      text: { 1: 'AVAILABLE' },
    })
  })

  it('comes back with its first configuration, and follows the folder', async () => {
    await server.stop('SIGKILL')
    await server.restart()
    expect(await predict('pair', { inputs: { a: [[1, 2]], b: [3] } })).toHaveProperty('outputs')
    rmSync(join(server.models, 'half_plus_two', '2'), { recursive: true })
    await expect.poll(() => predict('half_plus_two', { instances: [1] })).toEqual({ predictions: [2.5] })
  })
})
