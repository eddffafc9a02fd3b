import { describe, expect, it } from 'vitest'
import { parseModelMetadata, parseModelStatus } from './models.ts'

const tensor = (dtype: string, tensor_shape: unknown) => ({ dtype, tensor_shape, name: 'serving_default_x:0' })
const answer = (signatures: unknown) => ({
  model_spec: { name: 'm', signature_name: '', version: '7' },
  metadata: { signature_def: { '@type': 'type.googleapis.com/tensorflow.serving.SignatureDefMap', signature_def: signatures } },
})

describe('model status', () => {
  it('reads the versions', () => {
    const available = { version: '7', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } }
    expect(parseModelStatus({ model_version_status: [available, { version: '6', state: 'END', status: {} }] })).toEqual([
      available,
      { version: '6', state: 'END', status: { error_code: 'OK', error_message: '' } },
    ])
  })

  it.each([null, {}, { model_version_status: {} }, { model_version_status: [{ version: 7, state: 'END' }] }])('refuses %j', (value) => {
    expect(() => parseModelStatus(value)).toThrow("The model's status is not as expected")
  })
})

describe('model metadata', () => {
  it('reads signatures, with sizes that are strings', () => {
    const { signatures, ...model } = parseModelMetadata(
      answer({
        serving_default: {
          inputs: {
            x: tensor('DT_FLOAT', {
              dim: [
                { size: '-1', name: '' },
                { size: '2', name: '' },
              ],
              unknown_rank: false,
            }),
            free: tensor('DT_STRING', { dim: [], unknown_rank: true }),
          },
          outputs: { y: tensor('DT_INT64', { dim: [], unknown_rank: false }) },
          method_name: 'tensorflow/serving/predict',
        },
        __saved_model_init_op: { inputs: {}, outputs: {}, method_name: '' },
      }),
    )
    expect(model).toEqual({ name: 'm', version: '7' })
    expect([...signatures]).toEqual([
      [
        'serving_default',
        {
          method: 'tensorflow/serving/predict',
          inputs: [
            { name: 'x', dtype: 'DT_FLOAT', shape: [-1, 2] },
            { name: 'free', dtype: 'DT_STRING', shape: undefined },
          ],
          outputs: [{ name: 'y', dtype: 'DT_INT64', shape: [] }],
        },
      ],
      ['__saved_model_init_op', { method: '', inputs: [], outputs: [] }],
    ])
  })

  it.each<[unknown]>([
    [null],
    [{}],
    [answer([])],
    [answer({ s: 5 })],
    [answer({ s: { inputs: { x: tensor('DT_FLOAT', { dim: [{ size: 'wide' }] }) } } })],
    [answer({ s: { inputs: { x: { tensor_shape: {} } } } })],
    [JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))],
  ])('refuses what is wrong (%#)', (value) => {
    expect(() => parseModelMetadata(value)).toThrow(/^The model's metadata is /)
  })

  it('is not misled by names', () => {
    const value = answer(JSON.parse('{"__proto__":{"method_name":"p"},"constructor":{"method_name":"c"}}'))
    expect(parseModelMetadata(value).signatures.get('constructor')?.method).toBe('c')
    expect(({} as Record<string, unknown>).method_name).toBeUndefined()
  })
})
