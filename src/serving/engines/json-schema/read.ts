/**
 * From JSON Schema as clients send it to what a grammar can enforce. A keyword that would be ignored is refused by name instead, with 400;
 * size and depth are bounded before anything is built.
 *
 * Where JSON Schema leaves an object open (`additionalProperties` absent) and names properties, the instance is kept to those: fewer
 * members are always a valid instance too.
 */
import { invalidParameter, type RequestRefused } from '../../../wire/openai/refusal.ts'
import { MOST_WAYS, waysOf } from './ambiguity.ts'
import { disjoint } from './disjoint.ts'
import { ANY, type Property, type Schema, STRING_FORMATS, type StringFormat } from './schema.ts'

const DEEPEST = 32
const MOST_SCHEMAS = 2_000
const MOST_CHOICES = 128
const MOST_VALUES = 1_000
/** All property names and enumerated values together, characters. */
const MOST_TEXT = 100_000
/** Of one `{m,n}`; llama.cpp's own bound is 2,000. */
const MOST_REPEATS = 1_000
const MOST_REPEATS_TOGETHER = 10_000

/** Keywords that say nothing about an instance, or only to people. */
const ANNOTATIONS: readonly string[] = [
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
]
const DEFINITIONS: readonly string[] = ['$defs', 'definitions']
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

/** Where a part stands: the parameter's path, and how many schemas it is inside of. */
interface Place {
  readonly path: string
  readonly depth: number
}

/** What all schemas of one request have used up together: they become one grammar. */
export class SchemaBudget {
  schemas = 0
  values = 0
  text = 0
  repeats = 0
}

/** Reads `root`, found at parameter `param`. Throws `RequestRefused` (400) that names the place and the keyword. */
export function readSchema(root: unknown, param: string, budget = new SchemaBudget()): Schema {
  const schema = new SchemaReader(root, param, budget).read(root, { path: param, depth: 0 })
  if (waysOf(schema) > MOST_WAYS)
    throw wrong(
      param,
      `its branches begin alike so often that an answer could be read in more than ${MOST_WAYS} ways at once. Tell the branches of 'anyOf' apart by a required constant property that comes first, or use fewer.`,
    )
  return schema
}

class SchemaReader {
  readonly #root: unknown
  readonly #param: string
  readonly #spent: SchemaBudget
  readonly #references = new Map<string, Schema>()

  constructor(root: unknown, param: string, budget: SchemaBudget) {
    this.#root = root
    this.#param = param
    this.#spent = budget
  }

  read(value: unknown, at: Place): Schema {
    if (++this.#spent.schemas > MOST_SCHEMAS) throw wrong(at.path, `the whole is made of more than ${MOST_SCHEMAS} schemas.`)
    if (at.depth > DEEPEST) throw wrong(at.path, `it is nested more than ${DEEPEST} levels deep.`)
    if (value === true) return ANY
    if (value === false) throw wrong(at.path, 'the schema `false` allows nothing.')
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at.path, 'a schema is an object.')
    const node = value as Node
    if (node.$ref !== undefined) return this.#reference(node, at)
    if (node.allOf !== undefined) return this.#allOf(node, at)
    if (node.anyOf !== undefined) return this.#choices(node, 'anyOf', at)
    if (node.oneOf !== undefined) return this.#choices(node, 'oneOf', at)
    if (node.enum !== undefined || node.const !== undefined) return this.#enumerated(node, at)
    return this.#typed(node, at)
  }

  #reference(node: Node, at: Place): Schema {
    only(node, ['$ref'], at)
    const { $ref } = node
    const path = `${at.path}.$ref`
    if (typeof $ref !== 'string' || !/^#(\/.*)?$/.test($ref))
      throw wrong(path, 'only references within the schema ("#/$defs/…") are followed.')
    const known = this.#references.get($ref)
    if (known) return known
    const reference: Extract<Schema, { kind: 'reference' }> = { kind: 'reference', pointer: $ref, target: undefined }
    this.#references.set($ref, reference)
    const keys = $ref.split('/').slice(1).map(unescapePointer)
    const pointed = keys.reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Node)[key] : undefined),
      this.#root,
    )
    if (pointed === undefined) throw wrong(path, `nothing is at '${$ref}'.`)
    const target = this.read(pointed, { path: [this.#param, ...keys].join('.'), depth: at.depth + 1 })
    if (loops(target)) throw wrong(path, `'${$ref}' refers to nothing but itself.`)
    reference.target = target
    return reference
  }

  #allOf(node: Node, at: Place): Schema {
    only(node, ['allOf'], at)
    const { allOf } = node
    if (!Array.isArray(allOf) || allOf.length !== 1)
      throw invalidParameter(`${at.path}.allOf`, "The schema keyword 'allOf' is supported with one entry only.", 'unsupported_parameter')
    return this.read(allOf[0], inside(at, 'allOf[0]'))
  }

  #choices(node: Node, keyword: 'anyOf' | 'oneOf', at: Place): Schema {
    only(node, [keyword], at)
    const choices = node[keyword]
    const path = `${at.path}.${keyword}`
    if (!Array.isArray(choices) || choices.length === 0) throw wrong(path, 'it must be an array with at least one schema.')
    if (choices.length > MOST_CHOICES) throw wrong(path, `at most ${MOST_CHOICES} branches are supported.`)
    const options = choices.map((choice, i) => this.read(choice, inside(at, `${keyword}[${i}]`)))
    if (keyword === 'oneOf') requireDisjoint(options, path)
    return { kind: 'oneOf', options }
  }

  #enumerated(node: Node, at: Place): Schema {
    only(node, ['enum', 'const', 'type'], at)
    if (node.enum !== undefined && !Array.isArray(node.enum)) throw wrong(`${at.path}.enum`, 'it must be an array.')
    const values = node.enum === undefined ? [node.const] : (node.enum as unknown[])
    this.#spent.values += values.length
    if (this.#spent.values > MOST_VALUES) throw wrong(at.path, `the whole enumerates more than ${MOST_VALUES} values.`)
    const types = namedTypes(node, at)
    const wanted = values.filter(
      (value) =>
        (types === undefined || types.some((type) => hasType(value, type))) && (node.const === undefined || sameJson(value, node.const)),
    )
    if (wanted.length === 0) throw wrong(at.path, 'no value is left that it would allow.')
    const json = [...new Set(wanted.map((value) => JSON.stringify(value)))]
    this.#spend(json.join('').length, at)
    return { kind: 'values', json }
  }

  #typed(node: Node, at: Place): Schema {
    const types =
      namedTypes(node, at) ?? Object.keys(BY_TYPE).filter((type) => BY_TYPE[type]!.some((keyword) => node[keyword] !== undefined))
    only(node, ['type', ...types.flatMap((type) => BY_TYPE[type]!)], at)
    const options = [...new Set(types)].map((type) => this.#ofType(type, node, at))
    if (options.length === 0) return ANY
    return options.length === 1 ? options[0]! : { kind: 'oneOf', options }
  }

  #ofType(type: string, node: Node, at: Place): Schema {
    switch (type) {
      case 'object':
        return this.#object(node, at)
      case 'array':
        return this.#array(node, at)
      case 'string':
        return this.#string(node, at)
      case 'integer':
        return readInteger(node, at)
      default:
        return { kind: type as 'number' | 'boolean' | 'null' }
    }
  }

  #object(node: Node, at: Place): Schema {
    const declared = node.properties ?? {}
    if (typeof declared !== 'object' || Array.isArray(declared)) throw wrong(`${at.path}.properties`, 'it must be an object.')
    const required = node.required ?? []
    if (!Array.isArray(required) || required.some((one) => typeof one !== 'string'))
      throw wrong(`${at.path}.required`, 'it must be an array of names.')
    const must = new Set(required as string[])
    const properties: Property[] = Object.entries(declared as Node).map(([name, schema]) => {
      this.#spend(name.length, at)
      return { name, schema: this.read(schema, inside(at, `properties.${name}`)), required: must.delete(name) }
    })
    const extra = node.additionalProperties ?? properties.length === 0
    const additional = extra === false ? undefined : this.read(extra, inside(at, 'additionalProperties'))
    for (const name of must) {
      if (node.additionalProperties === false) throw wrong(`${at.path}.required`, `'${name}' is required but not allowed.`)
      this.#spend(name.length, at)
      properties.push({ name, schema: this.read(additional ? extra : true, at), required: true })
    }
    return { kind: 'object', properties, additional }
  }

  #array(node: Node, at: Place): Schema {
    const { min, max } = this.#range(node, 'minItems', 'maxItems', at)
    if (node.prefixItems !== undefined && !Array.isArray(node.prefixItems)) throw wrong(`${at.path}.prefixItems`, 'it must be an array.')
    const first = ((node.prefixItems ?? []) as unknown[]).map((item, i) => this.read(item, inside(at, `prefixItems[${i}]`)))
    const items = node.items === false ? undefined : this.read(node.items ?? true, inside(at, 'items'))
    if (items === undefined && min > first.length) throw wrong(`${at.path}.minItems`, 'there are fewer items than it asks for.')
    return { kind: 'array', first, items, min, max }
  }

  #string(node: Node, at: Place): Schema {
    const { min, max } = this.#range(node, 'minLength', 'maxLength', at)
    const { format } = node
    if (format === undefined) return { kind: 'string', min, max }
    if (!STRING_FORMATS.includes(format as StringFormat))
      throw invalidParameter(
        `${at.path}.format`,
        `The string format ${JSON.stringify(format)} is not supported. Supported: ${STRING_FORMATS.join(', ')}.`,
        'unsupported_parameter',
      )
    if (min > 0 || max !== undefined)
      throw invalidParameter(`${at.path}.format`, "'format' together with a length is not supported.", 'unsupported_parameter')
    return { kind: 'format', format: format as StringFormat }
  }

  #range(node: Node, low: string, high: string, at: Place): { min: number; max: number | undefined } {
    const count = (keyword: string): number | undefined => {
      const value = node[keyword]
      if (value === undefined) return undefined
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
        throw wrong(`${at.path}.${keyword}`, 'it must be a whole number, 0 or more.')
      if (value > MOST_REPEATS) throw wrong(`${at.path}.${keyword}`, `at most ${MOST_REPEATS} is supported.`)
      return value
    }
    const min = count(low) ?? 0
    const max = count(high)
    if (max !== undefined && max < min) throw wrong(`${at.path}.${high}`, `it is less than ${low}.`)
    this.#spent.repeats += max ?? min
    if (this.#spent.repeats > MOST_REPEATS_TOGETHER) throw wrong(at.path, `all lengths together are more than ${MOST_REPEATS_TOGETHER}.`)
    return { min, max }
  }

  #spend(characters: number, at: Place): void {
    this.#spent.text += characters
    if (this.#spent.text > MOST_TEXT) throw wrong(at.path, `all names and values together have more than ${MOST_TEXT} characters.`)
  }
}

function wrong(path: string, message: string): RequestRefused {
  return invalidParameter(path, `Invalid schema at '${path}': ${message}`, 'invalid_schema')
}

function inside(at: Place, step: string): Place {
  return { path: `${at.path}.${step}`, depth: at.depth + 1 }
}

/** Refuses what stands there besides the keywords that are read, annotations and definitions. */
function only(node: Node, read: readonly string[], at: Place): void {
  const stray = Object.keys(node).find(
    (keyword) => node[keyword] !== undefined && ![...read, ...ANNOTATIONS, ...DEFINITIONS].includes(keyword),
  )
  if (stray === undefined) return
  throw invalidParameter(
    `${at.path}.${stray}`,
    `The schema keyword '${stray}' is not supported here: the grammar that answers are held to could not enforce it.`,
    'unsupported_parameter',
  )
}

function unescapePointer(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~')
}

function namedTypes(node: Node, at: Place): string[] | undefined {
  if (node.type === undefined) return undefined
  const found = (Array.isArray(node.type) ? node.type : [node.type]) as unknown[]
  if (found.length === 0 || found.length > 7) throw wrong(`${at.path}.type`, 'it must name one to seven types.')
  const unknown = found.find((type) => typeof type !== 'string' || !Object.hasOwn(BY_TYPE, type))
  if (unknown !== undefined) throw wrong(`${at.path}.type`, `${JSON.stringify(unknown)} is not a type.`)
  return found as string[]
}

function readInteger(node: Node, at: Place): Schema {
  const bound = (keyword: string): number | undefined => {
    const value = node[keyword]
    if (value === undefined) return undefined
    if (typeof value !== 'number') throw wrong(`${at.path}.${keyword}`, 'it must be a number.')
    return value
  }
  const min = Math.max(
    Math.ceil(bound('minimum') ?? Number.NEGATIVE_INFINITY),
    Math.floor(bound('exclusiveMinimum') ?? Number.NEGATIVE_INFINITY) + 1,
  )
  const max = Math.min(
    Math.floor(bound('maximum') ?? Number.POSITIVE_INFINITY),
    Math.ceil(bound('exclusiveMaximum') ?? Number.POSITIVE_INFINITY) - 1,
  )
  if (min > max) throw wrong(at.path, 'no integer lies between its bounds.')
  // Beyond 2^53 a JSON number is no longer exact; such bounds are what generators write for "any integer".
  const open = (value: number) => (Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value)
  return { kind: 'integer', min: open(min), max: open(max) }
}

function requireDisjoint(options: readonly Schema[], path: string): void {
  for (let i = 0; i < options.length; i++) {
    const k = options.findIndex((other, at) => at > i && !disjoint(options[i]!, other))
    if (k === -1) continue
    throw invalidParameter(
      path,
      `The branches ${i} and ${k} of 'oneOf' can both match, which a grammar cannot rule out. Use 'anyOf', or tell them apart by a required constant property.`,
      'unsupported_parameter',
    )
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'integer':
      return Number.isInteger(value)
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === type
  }
}

/** Does it lead back to itself before it says anything? References without a target are the ones still being read. */
function loops(schema: Schema, seen = new Set<Schema>()): boolean {
  if (seen.has(schema)) return false
  seen.add(schema)
  if (schema.kind === 'reference') return schema.target === undefined || loops(schema.target, seen)
  return schema.kind === 'oneOf' && schema.options.some((option) => loops(option, seen))
}
