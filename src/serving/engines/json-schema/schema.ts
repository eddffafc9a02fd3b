/**
 * JSON Schema, the part of it that a grammar can hold a model to, as a tagged union. `read.ts` makes it from what a client sends and refuses
 * the rest by name; `grammar.ts` enforces it; `instance.ts` makes up an example.
 */
export type Schema =
  | { readonly kind: 'any' }
  | { readonly kind: 'object'; readonly properties: readonly Property[]; readonly additional: Schema | undefined }
  | {
      readonly kind: 'array'
      readonly first: readonly Schema[]
      readonly items: Schema | undefined
      readonly min: number
      readonly max: number | undefined
    }
  | { readonly kind: 'string'; readonly min: number; readonly max: number | undefined }
  | { readonly kind: 'format'; readonly format: StringFormat }
  | { readonly kind: 'number' }
  | { readonly kind: 'integer'; readonly min: number | undefined; readonly max: number | undefined }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'null' }
  /** One of these values, as JSON. */
  | { readonly kind: 'values'; readonly json: readonly string[] }
  | { readonly kind: 'oneOf'; readonly options: readonly Schema[] }
  /** A schema that refers to itself: `target` is filled in when the whole is read. */
  | { readonly kind: 'reference'; readonly pointer: string; target: Schema | undefined }

export interface Property {
  readonly name: string
  readonly schema: Schema
  readonly required: boolean
}

export type StringFormat = 'date-time' | 'date' | 'time' | 'uuid' | 'email' | 'ipv4'
export const STRING_FORMATS: readonly StringFormat[] = ['date-time', 'date', 'time', 'uuid', 'email', 'ipv4']

export const ANY: Schema = { kind: 'any' }
export const ANY_OBJECT: Schema = { kind: 'object', properties: [], additional: ANY }
