/** Between named tensors and TensorFlow Serving's rows and columns, by what the model's signature says of its inputs and outputs. */
import { StrataError } from '../../kernel/errors.ts'
import type { Signature } from '../../resources/model-version.ts'
import type { CompiledVersion } from '../../resources/snapshot.ts'
import { flatten, nest } from '../../wire/nested.ts'
import { checkData, isDatatype, type Tensor } from '../../wire/oip/tensor.ts'
import { base64Value, bytesOf, isBase64Value, type PredictRequest } from '../../wire/tensorflow-serving/rest.ts'
import { unavailable } from '../errors.ts'
import { CannotAsk } from './protocol.ts'

export type TensorHead = Signature['inputs'][number]

/** What the version's server says of its tensors; without that nothing can be translated. */
export function signatureOf({ model, version, source }: CompiledVersion): Signature {
  const signature = source.type === 'engine' ? undefined : source.signature
  if (signature) return signature
  throw new CannotAsk(
    unavailable(
      `What goes in and out of ${model}@${version} is not known (yet): its server does not describe it. Ask it in its own protocol, or try again in a moment.`,
      'signature_unknown',
    ),
  )
}

/** `{name: nested}` for each tensor. */
export function columnsOf(tensors: readonly Tensor[]): Record<string, unknown> {
  return Object.fromEntries(
    tensors.map(({ name, shape, data }) => [name, nest({ shape, data: data.map((element) => elementOut(name, element)) })]),
  )
}

/** Bytes that are no text can only be written as base64; by convention those of a tensor named "…_bytes" always are. */
function elementOut(name: string, element: unknown): unknown {
  if (element instanceof Uint8Array) return base64Value(element)
  return typeof element === 'string' && name.endsWith('_bytes') ? base64Value(Buffer.from(element)) : element
}

/** The tensors of a predict request. Throws where they do not fit the signature. */
export function tensorsOf(request: PredictRequest, inputs: Signature['inputs']): Tensor[] {
  if ('inputs' in request) return fromColumns(request.inputs, inputs, 'input')
  const { instances } = request
  const first = instances[0]
  // A row is an object of named inputs, or the one input's value.
  if (!isNamed(first)) return fromColumns(instances, inputs, 'input')
  const names = Object.keys(first)
  const columns: Record<string, unknown[]> = Object.fromEntries(names.map((name) => [name, []]))
  instances.forEach((row, i) => {
    if (!isNamed(row) || Object.keys(row).length !== names.length || !names.every((name) => Object.hasOwn(row, name)))
      throw new StrataError('invalid_predict_request', `instances[${i}] does not have the inputs of instances[0]: ${names.join(', ')}.`)
    for (const name of names) columns[name]!.push(row[name])
  })
  return fromColumns(columns, inputs, 'input')
}

const isNamed = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isBase64Value(value)

/** `columns`: an object of nested lists by name, or the nested list of the only one. */
export function fromColumns(columns: unknown, heads: readonly TensorHead[], what: 'input' | 'output'): Tensor[] {
  if (!isNamed(columns)) {
    if (heads.length !== 1)
      throw new StrataError('invalid_predict_request', `The model has the ${what}s ${heads.map(({ name }) => name).join(', ')}; name them.`)
    return [tensorOf(heads[0]!, columns)]
  }
  return Object.entries(columns).map(([name, value]) => {
    const head = heads.find((each) => each.name === name)
    if (!head)
      throw new StrataError(
        'invalid_predict_request',
        `The model has no ${what} "${name.slice(0, 100)}"; it has ${heads.map((each) => each.name).join(', ')}.`,
      )
    return tensorOf(head, value)
  })
}

function tensorOf({ name, datatype }: TensorHead, value: unknown): Tensor {
  if (!isDatatype(datatype)) throw new StrataError('invalid_predict_request', `The datatype ${datatype} of "${name}" cannot be sent.`)
  const { shape, data } = flatten(value)
  const read = data.map((element) => (isBase64Value(element) ? textOrBytes(bytesOf(element)) : element))
  const head = { name, datatype, shape }
  return { ...head, data: checkData(head, read) }
}

function textOrBytes(bytes: Buffer): string | Uint8Array {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : bytes
}

/** An answer in the format of its request. Throws where the outputs have no first dimension in common, and so no rows. */
export function predictionsOf(request: PredictRequest, outputs: readonly Tensor[]): Record<string, unknown> {
  const columns = columnsOf(outputs)
  const single = outputs.length === 1
  if ('inputs' in request) return { outputs: single ? columns[outputs[0]!.name] : columns }
  if (single && outputs[0]!.shape.length > 0) return { predictions: columns[outputs[0]!.name] }
  const rows = outputs[0]?.shape[0]
  if (rows === undefined || outputs.some(({ shape }) => shape[0] !== rows))
    throw new StrataError('no_rows', 'the outputs have no first dimension in common; ask in columns ("inputs")')
  return {
    predictions: Array.from({ length: rows }, (_, i) =>
      Object.fromEntries(outputs.map(({ name }) => [name, (columns[name] as unknown[])[i]])),
    ),
  }
}
