/** Tensors as nested lists, which is how TensorFlow Serving and most handlers write them, to and from the flat data of the Open Inference Protocol. */
import { StrataError } from '../kernel/errors.ts'

export interface Flat {
  readonly shape: readonly number[]
  readonly data: readonly unknown[]
}

const MOST_DIMENSIONS = 64

/** A nested list as shape and flat, row-major data. Throws where it is ragged. What is no list is a scalar: the shape is []. */
export function flatten(value: unknown): Flat {
  const shape: number[] = []
  for (let at = value; Array.isArray(at); at = at[0] as unknown) {
    shape.push(at.length)
    if (shape.length > MOST_DIMENSIONS) throw ragged(`it has more than ${MOST_DIMENSIONS} dimensions`)
  }
  const data: unknown[] = []
  const walk = (part: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (Array.isArray(part)) throw ragged('lists of one level have different lengths or depths')
      data.push(part)
      return
    }
    if (!Array.isArray(part) || part.length !== shape[depth]) throw ragged('lists of one level have different lengths or depths')
    for (const each of part) walk(each, depth + 1)
  }
  walk(value, 0)
  return { shape, data }
}

const ragged = (what: string) => new StrataError('ragged_tensor', `The lists do not form a tensor: ${what}.`)

/** The reverse. `data` must have as many elements as the shape says. */
export function nest({ shape, data }: Flat): unknown {
  let at = 0
  const build = (depth: number): unknown => {
    if (depth === shape.length) return data[at++]
    return Array.from({ length: shape[depth]! }, () => build(depth + 1))
  }
  return build(0)
}
