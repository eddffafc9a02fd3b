/** JSON Schema of every kind, derived from zod: for messages, `explain`, the reference pages and the API description. */
import { z } from 'zod'
import { type Kind, RESOURCE_SCHEMAS } from './index.ts'

/** The parts of JSON Schema 2020-12 that our schemas use. */
export interface JsonSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null'
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly format?: string
}

const known = new Map<Kind, JsonSchema>()

/** Schema of a whole resource as it stands in a manifest: what has a default is optional. */
export function jsonSchemaOf(kind: Kind): JsonSchema {
  let schema = known.get(kind)
  if (!schema) {
    schema = z.toJSONSchema(RESOURCE_SCHEMAS[kind], { io: 'input' }) as JsonSchema
    known.set(kind, schema)
  }
  return schema
}

export function alternativesOf(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? schema.oneOf ?? [schema]
}

/**
 * The schemas that a value at `path` below `schema` may follow: several where unions stand on the way, none for an unknown field.
 * With the whole `value`, a union with a discriminator is narrowed to the branch that the value names.
 */
export function schemasAt(schema: JsonSchema, path: readonly PropertyKey[], value?: unknown): readonly JsonSchema[] {
  let here: readonly JsonSchema[] = [schema]
  let at = value
  for (const step of path) {
    const branches = narrow(here.flatMap(alternativesOf), at)
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined
    here = branches.flatMap((each): readonly JsonSchema[] => {
      if (typeof step === 'number') return each.items ? [each.items] : []
      const property = Object.hasOwn(each.properties ?? {}, step) ? each.properties?.[String(step)] : undefined
      if (property) return [property]
      return typeof each.additionalProperties === 'object' ? [each.additionalProperties] : []
    })
  }
  return here
}

/** The branches whose constant fields are those of `value`; all of them when none is. */
export function narrow(branches: readonly JsonSchema[], value: unknown): readonly JsonSchema[] {
  if (branches.length < 2 || typeof value !== 'object' || value === null) return branches
  const fields = value as Record<string, unknown>
  const named = branches.filter((branch) =>
    Object.entries(branch.properties ?? {}).every(([key, each]) => each.const === undefined || each.const === fields[key]),
  )
  return named.length > 0 ? named : branches
}

/** What may stand there, in words: "an integer ≥ 1", `"llama" or "simulated"`, "a list". */
export function describeSchema(schema: JsonSchema): string {
  if (schema.const !== undefined) return quote(schema.const)
  if (schema.enum) return orList(schema.enum.map(quote))
  if (schema.anyOf || schema.oneOf) return orList([...new Set(alternativesOf(schema).map(describeSchema))])
  switch (schema.type) {
    case 'integer':
    case 'number':
      return describeNumber(schema)
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object': {
      const names = Object.keys(schema.properties ?? {})
      return names.length > 0 ? `fields: ${names.join(', ')}` : schema.properties ? '{}' : 'fields with values'
    }
    case 'string':
      if (schema.format === 'date-time') return 'a time such as 2027-01-01T00:00:00Z'
      if (schema.format === 'date') return 'a date such as 2027-01-01'
      return 'a string'
    default:
      return schema.description ?? 'a value'
  }
}

/** Beyond this a bound is a safety net, not something to tell. */
export const FAR = 1e9

function describeNumber(schema: JsonSchema): string {
  const what = schema.type === 'integer' ? 'an integer' : 'a number'
  const { minimum, exclusiveMinimum, exclusiveMaximum } = schema
  const maximum = schema.maximum !== undefined && schema.maximum <= FAR ? schema.maximum : undefined
  const least = minimum !== undefined && minimum >= -FAR ? minimum : undefined
  if (least !== undefined && maximum !== undefined) return `${what} from ${least} to ${maximum}`
  const bounds = [
    least !== undefined ? `≥ ${least}` : undefined,
    exclusiveMinimum !== undefined ? `> ${exclusiveMinimum}` : undefined,
    maximum !== undefined ? `≤ ${maximum}` : undefined,
    exclusiveMaximum !== undefined ? `< ${exclusiveMaximum}` : undefined,
  ].filter(Boolean)
  return [what, bounds.join(' and ')].filter(Boolean).join(' ')
}

export function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

export function orList(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? ''
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
