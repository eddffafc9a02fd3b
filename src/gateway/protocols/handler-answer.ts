/**
 * What a TorchServe handler returned, for clients that expect tensors. With TorchServe's envelopes (`service_envelope=kservev2` or `kserve`) that is
 * in the protocol already; any other JSON is taken as the one output's nested list, anything else as its text.
 */
import { flatten } from '../../wire/nested.ts'
import type { Datatype, Tensor } from '../../wire/oip/tensor.ts'
import { jsonOf, textOf } from './answer-text.ts'
import type { PlainBody } from './protocol.ts'

const NAME = 'output'

export function returned(answer: PlainBody): unknown {
  const json = jsonOf(answer)
  return json === undefined ? textOf(answer) : json
}

export function tensorOf(value: unknown): Tensor {
  const whole = isTensor(value) ? flatten(value) : { shape: [1], data: [value] }
  const { shape, data } = whole.shape.length === 0 ? { shape: [1], data: whole.data } : whole
  const datatype = datatypeOf(data)
  return {
    name: NAME,
    datatype,
    shape,
    data: datatype === 'BYTES' ? data.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))) : (data as number[]),
  }
}

function isTensor(value: unknown): boolean {
  try {
    return flatten(value).data.length > 0
  } catch {
    return false // ragged: one value, as its text
  }
}

function datatypeOf(data: readonly unknown[]): Datatype {
  if (data.every((each) => typeof each === 'boolean')) return 'BOOL'
  if (data.every((each) => Number.isSafeInteger(each))) return 'INT64'
  return data.every((each) => typeof each === 'number') ? 'FP64' : 'BYTES'
}
