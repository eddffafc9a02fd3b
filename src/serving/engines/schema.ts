/**
 * JSON Schema, the part of it that a grammar can hold a model to. What is read here is exactly what `schema-grammar.ts` enforces:
 * a keyword that would be ignored is refused by name instead, with 400. Size and depth are bounded before anything is built from it.
 *
 * Where JSON Schema leaves an object open (`additionalProperties` absent) and names properties, the instance is kept to those: fewer
 * members are always a valid instance too.
 */
import { invalidParameter } from '../../wire/openai/refusal.ts'

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
const FORMATS: readonly string[] = ['date-time', 'date', 'time', 'uuid', 'email', 'ipv4'] satisfies StringFormat[]

export const ANY: Schema = { kind: 'any' }
export const ANY_OBJECT: Schema = { kind: 'object', properties: [], additional: ANY }

const DEEPEST = 32
const MOST_SCHEMAS = 2_000
/** All property names and enumerated values together, characters. */
const MOST_TEXT = 100_000
/** llama.cpp's own bound on `{m,n}` is 2,000. */
const MOST_REPEATS = 2_000
const MOST_CHOICES = 128

/** Keywords that say nothing about an instance, or only to people. */
const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'example',
  '$schema',
  '$id',
  '$comment',
  'deprecated',
  'readOnly',
  'writeOnly',
  'discriminator',
])
const BY_TYPE: Record<string, readonly string[]> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'format'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  number: [],
  boolean: [],
  null: [],
}

type Node = Record<string, unknown>

/** Reads `root`, found at parameter `param`. Throws `RequestRefused` (400) that names the place and the keyword. */
export function readSchema(root: unknown, param: string): Schema {
  let schemas = 0
  let text = 0
  const references = new Map<string, Schema>()
  const refuse = (path: string, message: string, code = 'invalid_schema') =>
    invalidParameter(path, `Invalid schema at '${path}': ${message}`, code)

  const spend = (path: string, characters: number) => {
    text += characters
    if (text > MOST_TEXT) throw refuse(path, `its names and values have more than ${MOST_TEXT} characters together.`)
  }

  function read(value: unknown, path: string, depth: number): Schema {
    if (++schemas > MOST_SCHEMAS) throw refuse(path, `it is made of more than ${MOST_SCHEMAS} schemas.`)
    if (depth > DEEPEST) throw refuse(path, `it is nested more than ${DEEPEST} levels deep.`)
    if (value === true) return ANY
    if (value === false) throw refuse(path, 'the schema `false` allows nothing.')
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(path, 'a schema is an object.')
    const node = value as Node
    const { $ref } = node
    if ($ref !== undefined) {
      only(node, ['$ref', '$defs', 'definitions'], path)
      return refer($ref, path, depth)
    }
    if (node.allOf !== undefined) return readAllOf(node, path, depth)
    const choices = node.anyOf ?? node.oneOf
    if (choices !== undefined) return readChoices(node, choices, path, depth)
    if (node.enum !== undefined || node.const !== undefined) return readValues(node, path)
    return readTyped(node, path, depth)
  }

  function only(node: Node, allowed: readonly string[], path: string): void {
    for (const keyword of Object.keys(node)) {
      if (!allowed.includes(keyword) && !ANNOTATIONS.has(keyword) && node[keyword] !== undefined)
        throw invalidParameter(
          `${path}.${keyword}`,
          `The schema keyword '${keyword}' is not supported here, since a grammar cannot enforce it.`,
          'unsupported_parameter',
        )
    }
  }

  function refer($ref: unknown, path: string, depth: number): Schema {
    if (typeof $ref !== 'string' || !/^#(\/.*)?$/.test($ref))
      throw refuse(`${path}.$ref`, 'only references within the schema ("#/$defs/…") are followed.')
    const known = references.get($ref)
    if (known) return known
    const reference: Extract<Schema, { kind: 'reference' }> = { kind: 'reference', pointer: $ref, target: undefined }
    references.set($ref, reference)
    const pointed = $ref
      .slice(1)
      .split('/')
      .slice(1)
      .reduce<unknown>((at, key) => {
        const name = decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')
        return typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Node)[name] : undefined
      }, root)
    if (pointed === undefined) throw refuse(`${path}.$ref`, `nothing is at '${$ref}'.`)
    const target = read(pointed, path, depth + 1)
    if (target === reference || loops(target)) throw refuse(`${path}.$ref`, `'${$ref}' refers to nothing but itself.`)
    reference.target = target
    return reference
  }

  function readAllOf(node: Node, path: string, depth: number): Schema {
    const { allOf } = node
    only(node, ['allOf', '$defs', 'definitions'], path)
    if (!Array.isArray(allOf) || allOf.length !== 1)
      throw invalidParameter(`${path}.allOf`, "The schema keyword 'allOf' is supported with one entry only.", 'unsupported_parameter')
    return read(allOf[0], `${path}.allOf[0]`, depth + 1)
  }

  function readChoices(node: Node, choices: unknown, path: string, depth: number): Schema {
    const keyword = node.anyOf !== undefined ? 'anyOf' : 'oneOf'
    only(node, [keyword, '$defs', 'definitions', 'type'], path)
    if (!Array.isArray(choices) || choices.length === 0) throw refuse(`${path}.${keyword}`, 'it must be an array with at least one schema.')
    if (choices.length > MOST_CHOICES) throw refuse(`${path}.${keyword}`, `at most ${MOST_CHOICES} branches are supported.`)
    const options = choices.map((choice, i) => read(choice, `${path}.${keyword}[${i}]`, depth + 1))
    if (keyword === 'oneOf') {
      for (let i = 0; i < options.length; i++)
        for (let k = i + 1; k < options.length; k++)
          if (!disjoint(options[i]!, options[k]!))
            throw invalidParameter(
              `${path}.oneOf`,
              `The branches ${i} and ${k} of 'oneOf' can both match, which a grammar cannot rule out. Use 'anyOf', or tell them apart by a required constant property.`,
              'unsupported_parameter',
            )
    }
    return { kind: 'oneOf', options }
  }

  function readValues(node: Node, path: string): Schema {
    only(node, ['enum', 'const', 'type', '$defs', 'definitions'], path)
    if (node.enum !== undefined && !Array.isArray(node.enum)) throw refuse(`${path}.enum`, 'it must be an array.')
    const values = node.enum === undefined ? [node.const] : (node.enum as unknown[])
    if (values.length === 0) throw refuse(`${path}.enum`, 'it must not be empty.')
    const allowed = types(node, path)
    const json = [
      ...new Set(
        values
          .filter((value) => allowed === undefined || allowed.some((type) => hasType(value, type)))
          .map((value) => JSON.stringify(value)),
      ),
    ]
    if (json.length === 0) throw refuse(path, 'none of the values has the type that is asked for.')
    schemas += json.length
    if (schemas > MOST_SCHEMAS) throw refuse(path, `it has more than ${MOST_SCHEMAS} schemas and values.`)
    spend(
      path,
      json.reduce((sum, one) => sum + one.length, 0),
    )
    return { kind: 'values', json }
  }

  function types(node: Node, path: string): string[] | undefined {
    if (node.type === undefined) return undefined
    const found = (Array.isArray(node.type) ? node.type : [node.type]) as unknown[]
    if (found.length === 0 || found.length > 7) throw refuse(`${path}.type`, 'it must name one to seven types.')
    for (const type of found)
      if (typeof type !== 'string' || !Object.hasOwn(BY_TYPE, type)) throw refuse(`${path}.type`, `${JSON.stringify(type)} is not a type.`)
    return found as string[]
  }

  function readTyped(node: Node, path: string, depth: number): Schema {
    let named = types(node, path)
    if (named === undefined) {
      named = Object.keys(BY_TYPE).filter((type) => BY_TYPE[type]!.some((keyword) => node[keyword] !== undefined))
      if (named.length === 0) {
        only(node, ['$defs', 'definitions'], path)
        return ANY
      }
    }
    only(node, ['type', '$defs', 'definitions', ...named.flatMap((type) => BY_TYPE[type]!)], path)
    const options = [...new Set(named)].map((type) => readOne(type, node, path, depth))
    return options.length === 1 ? options[0]! : { kind: 'oneOf', options }
  }

  function count(node: Node, keyword: string, path: string): number | undefined {
    const value = node[keyword]
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw refuse(`${path}.${keyword}`, 'it must be a whole number, 0 or more.')
    if (value > MOST_REPEATS) throw refuse(`${path}.${keyword}`, `at most ${MOST_REPEATS} is supported.`)
    return value
  }

  function range(node: Node, low: string, high: string, path: string): { min: number; max: number | undefined } {
    const min = count(node, low, path) ?? 0
    const max = count(node, high, path)
    if (max !== undefined && max < min) throw refuse(`${path}.${high}`, `it is less than ${low}.`)
    return { min, max }
  }

  function readOne(type: string, node: Node, path: string, depth: number): Schema {
    switch (type) {
      case 'object':
        return readObject(node, path, depth)
      case 'array': {
        const { min, max } = range(node, 'minItems', 'maxItems', path)
        if (node.prefixItems !== undefined && !Array.isArray(node.prefixItems)) throw refuse(`${path}.prefixItems`, 'it must be an array.')
        const first = ((node.prefixItems ?? []) as unknown[]).map((item, i) => read(item, `${path}.prefixItems[${i}]`, depth + 1))
        const items = node.items === false ? undefined : node.items === undefined ? ANY : read(node.items, `${path}.items`, depth + 1)
        if (items === undefined && min > first.length) throw refuse(`${path}.minItems`, 'there are fewer items than it asks for.')
        return { kind: 'array', first, items, min, max }
      }
      case 'string': {
        const { min, max } = range(node, 'minLength', 'maxLength', path)
        if (node.format === undefined) return { kind: 'string', min, max }
        if (typeof node.format !== 'string' || !FORMATS.includes(node.format))
          throw invalidParameter(
            `${path}.format`,
            `The string format ${JSON.stringify(node.format)} is not supported. Supported: ${FORMATS.join(', ')}.`,
            'unsupported_parameter',
          )
        if (min > 0 || max !== undefined) throw refuse(path, 'a format together with a length is not supported.', 'unsupported_parameter')
        return { kind: 'format', format: node.format as StringFormat }
      }
      case 'integer':
        return readInteger(node, path)
      default:
        return { kind: type as 'number' | 'boolean' | 'null' }
    }
  }

  function readInteger(node: Node, path: string): Schema {
    const bound = (keyword: string): number | undefined => {
      const value = node[keyword]
      if (value === undefined) return undefined
      if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse(`${path}.${keyword}`, 'it must be a number.')
      return value
    }
    const highest = (...bounds: (number | undefined)[]) =>
      bounds.reduce((a, b) => (a === undefined ? b : b === undefined ? a : Math.max(a, b)))
    const over = bound('exclusiveMinimum')
    const under = bound('exclusiveMaximum')
    const floor = bound('minimum')
    const ceiling = bound('maximum')
    const min = highest(floor === undefined ? undefined : Math.ceil(floor), over === undefined ? undefined : Math.floor(over) + 1)
    const least = highest(
      ceiling === undefined ? undefined : -Math.floor(ceiling),
      under === undefined ? undefined : -(Math.ceil(under) - 1),
    )
    const max = least === undefined ? undefined : -least
    if (min !== undefined && max !== undefined && min > max) throw refuse(path, 'no integer lies between its bounds.')
    // Beyond 2^53 a JSON number is no longer exact; such bounds are what generators write for "any integer".
    const safe = (value: number | undefined) => (value !== undefined && Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value)
    return { kind: 'integer', min: safe(min), max: safe(max) }
  }

  function readObject(node: Node, path: string, depth: number): Schema {
    const declared = node.properties ?? {}
    if (typeof declared !== 'object' || Array.isArray(declared)) throw refuse(`${path}.properties`, 'it must be an object.')
    const required = node.required ?? []
    if (!Array.isArray(required) || required.some((one) => typeof one !== 'string'))
      throw refuse(`${path}.required`, 'it must be an array of names.')
    const must = new Set(required as string[])
    const properties: Property[] = Object.entries(declared as Node).map(([name, schema]) => {
      spend(path, name.length)
      return { name, schema: read(schema, `${path}.properties.${name}`, depth + 1), required: must.delete(name) }
    })
    const extra = node.additionalProperties
    const additional =
      extra === undefined
        ? properties.length === 0
          ? ANY
          : undefined
        : extra === false
          ? undefined
          : extra === true
            ? ANY
            : read(extra, `${path}.additionalProperties`, depth + 1)
    for (const name of must) {
      if (!additional && extra === false) throw refuse(`${path}.required`, `'${name}' is required but not allowed.`)
      schemas++
      spend(path, name.length)
      properties.push({ name, schema: additional ?? ANY, required: true })
    }
    return { kind: 'object', properties, additional }
  }

  return read(root, param, 0)
}

/** Does it lead back to itself before it says anything? Unread references on the way are the ones being read. */
function loops(schema: Schema, seen = new Set<Schema>()): boolean {
  if (seen.has(schema)) return false
  seen.add(schema)
  if (schema.kind === 'reference') return schema.target === undefined || loops(schema.target, seen)
  return schema.kind === 'oneOf' && schema.options.some((option) => loops(option, seen))
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value)
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === type
  }
}

type JsonType = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'

/** How far `disjoint` follows references. Schemas that share parts would otherwise be walked again and again. */
const FOLLOWED = 3

function jsonTypes(schema: Schema, followed = 0): JsonType[] | undefined {
  switch (schema.kind) {
    case 'any':
      return undefined
    case 'reference':
      return schema.target && followed < FOLLOWED ? jsonTypes(schema.target, followed + 1) : undefined
    case 'format':
      return ['string']
    case 'integer':
      return ['number']
    case 'values':
      return schema.json.map((json): JsonType => {
        const value: unknown = JSON.parse(json)
        return value === null ? 'null' : Array.isArray(value) ? 'array' : (typeof value as JsonType)
      })
    case 'oneOf': {
      const all = schema.options.map((option) => jsonTypes(option, followed + 1))
      return all.includes(undefined) ? undefined : all.flatMap((types) => types!)
    }
    default:
      return [schema.kind]
  }
}

/** Can no instance match both? A careful no where that is hard to tell. */
export function disjoint(a: Schema, b: Schema, followed = 0): boolean {
  if (followed > FOLLOWED) return false
  if (a.kind === 'reference') return a.target !== undefined && disjoint(a.target, b, followed + 1)
  if (b.kind === 'reference') return b.target !== undefined && disjoint(a, b.target, followed + 1)
  if (a.kind === 'values' && b.kind === 'values') return !a.json.some((json) => b.json.includes(json))
  const typesOfA = jsonTypes(a)
  const typesOfB = jsonTypes(b)
  if (typesOfA && typesOfB && !typesOfA.some((type) => typesOfB.includes(type))) return true
  if (a.kind !== 'object' || b.kind !== 'object') return false
  return a.properties.some((one) => {
    const other = b.properties.find((property) => property.name === one.name)
    return one.required && other?.required === true && disjoint(one.schema, other.schema, followed + 1)
  })
}
