/**
 * How many ways a grammar can be in at once. llama.cpp follows every rule that still fits the text, one stack each, and looks at each of them
 * for every token of the vocabulary; branches that begin alike multiply with each level of nesting. A few hundred bytes of schema make
 * millions of stacks, which hold the whole engine for ever.
 *
 * What is counted is a careful upper bound, without building anything: branches of different JSON types are told apart by their first
 * character; objects by the first member in which they differ by name or by a constant; everything else adds up. A schema that refers to
 * itself is counted again, level by level, until the number stays as it is.
 */
import type { Property, Schema } from './schema.ts'

/** Every stack more costs each token of an answer some tenths of a millisecond. */
export const MOST_WAYS = 512
/** Levels that a schema is followed into itself. What grows at all has grown beyond the bound by then; what only adds up has not. */
const LEVELS = 24
const MOST_COMPARISONS = 10_000

type Start = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'
const ALL: readonly Start[] = ['object', 'array', 'string', 'number', 'boolean', 'null']

/** At most so many stacks are alive at any place of an instance of `schema`; `Infinity` where that is more than `MOST_WAYS`. */
export function waysOf(schema: Schema): number {
  const starts = new Map<Schema, ReadonlySet<Start>>()
  let known = new Map<Schema, number>()
  for (let level = 0; level < LEVELS; level++) {
    const { ways, counted } = countOnce(schema, known, starts)
    if (ways > MOST_WAYS) return Number.POSITIVE_INFINITY
    if ([...counted].every(([each, number]) => known.get(each) === number)) return ways
    known = counted
  }
  return countOnce(schema, known, starts).ways
}

/** One level: a schema inside of itself counts as what it was found to be before, at first as one way. */
function countOnce(root: Schema, known: ReadonlyMap<Schema, number>, starts: Map<Schema, ReadonlySet<Start>>) {
  const counted = new Map<Schema, number>()
  let comparisons = 0

  function ways(schema: Schema): number {
    const before = counted.get(schema)
    if (before !== undefined) return before
    counted.set(schema, known.get(schema) ?? 1)
    const number = Math.min(count(schema), MOST_WAYS + 1)
    counted.set(schema, number)
    return number
  }

  function count(schema: Schema): number {
    switch (schema.kind) {
      case 'format':
        return schema.format === 'email' ? EMAIL_WAYS : 4
      case 'integer':
        return schema.min === undefined && schema.max === undefined ? 1 : RANGE_WAYS
      case 'reference':
        return ways(schema.target!)
      case 'array':
        return Math.max(1, ...[...schema.first, ...(schema.items ? [schema.items] : [])].map(ways))
      case 'object':
        return members(schema, 0)
      case 'oneOf': {
        const options = [...branches(schema, new Set())]
        const together = ALL.map((start) => {
          const alike = options.filter((option) => startsOf(option, starts).has(start))
          const objects = alike.flatMap((option) => (option.kind === 'object' ? [option] : []))
          return objects.length === alike.length ? apart(objects, 0) : sum(alike.map(ways))
        })
        return Math.max(options.length, ...together)
      }
      default:
        return 1
    }
  }

  /** Of one object, from its member `from` on: as many may be next as may be left out, and an open object's names may be any of its members'. */
  function members({ properties, additional }: ObjectSchema, from: number): number {
    const open = additional === undefined ? 0 : ways(additional)
    const rest = properties.slice(from)
    const optional = rest.filter(({ required }) => !required).length
    return Math.max(1 + optional, open, ...rest.map(({ schema }) => ways(schema) + open))
  }

  /** What a union comes down to: the branches of its branches, each once, whatever they are called. */
  function branches(schema: Schema, seen: Set<Schema>): Set<Schema> {
    for (let at: Schema | undefined = schema; at && !seen.has(at); at = at.kind === 'reference' ? at.target : undefined) {
      if (at.kind === 'oneOf') for (const option of at.options) branches(option, seen)
      else if (at.kind !== 'reference') seen.add(at)
    }
    return seen
  }

  /** Of objects whose members before `at` are the same. */
  function apart(objects: readonly ObjectSchema[], at: number): number {
    if (objects.length === 0) return 0
    if (objects.length === 1) return members(objects[0]!, at)
    // Constants that overlap in many ways would be told apart for ever.
    if (++comparisons > MOST_COMPARISONS) return Number.POSITIVE_INFINITY
    const going = objects.filter(({ properties, additional }) => properties.length > at || additional !== undefined)
    if (going.some(({ properties, additional }) => additional !== undefined || !properties[at]!.required))
      return sum(objects.map((each) => members(each, at)))
    const byName = Map.groupBy(going, ({ properties }) => properties[at]!.name)
    const each = [...byName.values()].flatMap((same) => {
      const schemas = same.map(({ properties }) => (properties[at] as Property).schema)
      if (!schemas.every((schema) => schema.kind === 'values')) return [sum(schemas.map(ways)), apart(same, at + 1)]
      const left = new Map<string, readonly ObjectSchema[]>()
      for (const value of new Set(schemas.flatMap((schema) => schema.json))) {
        const allowed = same.flatMap((_, i) => (schemas[i]!.json.includes(value) ? [i] : []))
        left.set(
          String(allowed),
          allowed.map((i) => same[i]!),
        )
      }
      return [...left.values()].map((objects) => apart(objects, at + 1))
    })
    return Math.max(objects.length, ...each)
  }

  return { ways: ways(root), counted }
}

type ObjectSchema = Extract<Schema, { kind: 'object' }>

/** `{0,30}` before a character that it may be itself. */
const EMAIL_WAYS = 32
/** A range of up to 15 digits is some thirty patterns. */
const RANGE_WAYS = 32

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)

function startsOf(schema: Schema, known: Map<Schema, ReadonlySet<Start>>): ReadonlySet<Start> {
  const before = known.get(schema)
  if (before) return before
  // A reference that leads back here adds nothing of its own.
  known.set(schema, new Set())
  const found = new Set(startsWith(schema))
  known.set(schema, found)
  return found

  function startsWith(at: Schema): Iterable<Start> {
    switch (at.kind) {
      case 'any':
        return ALL
      case 'format':
        return ['string']
      case 'integer':
        return ['number']
      case 'values':
        return at.json.map((json): Start => {
          const value: unknown = JSON.parse(json)
          return value === null ? 'null' : Array.isArray(value) ? 'array' : (typeof value as Start)
        })
      case 'oneOf':
        return at.options.flatMap((option) => [...startsOf(option, known)])
      case 'reference':
        return startsOf(at.target!, known)
      default:
        return [at.kind]
    }
  }
}
