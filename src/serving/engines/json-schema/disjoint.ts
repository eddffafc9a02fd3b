/** Can two schemas both match? Asked of the branches of `oneOf`, of which only one may. */
import type { Schema } from './schema.ts'

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
