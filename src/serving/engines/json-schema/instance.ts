/** A small valid instance of a schema, the same each time: what the simulated engine answers where a form is asked for. */
import { invalidParameter } from '../../../wire/openai/refusal.ts'
import type { Schema, StringFormat } from './schema.ts'

const SAMPLES: Record<StringFormat, string> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05Z',
  uuid: '00000000-0000-4000-8000-000000000000',
  email: 'someone@example.com',
  ipv4: '192.0.2.1',
}

/** An instance with more values than this is not small, and schemas that share parts can make it exponential. */
const MOST_VALUES = 10_000

/** The instance as JSON. `words` fill its strings. */
export function instanceOf(schema: Schema, words: readonly string[]): string {
  let values = 0
  let word = 0
  const open = new Set<Schema>()

  function text(min: number, max: number | undefined): string {
    let filled = words.length === 0 ? 'text' : words[word++ % words.length]!
    while (filled.length < min) filled += ` ${words.length === 0 ? 'text' : words[word++ % words.length]!}`
    return filled.slice(0, max ?? Math.max(min, 60))
  }

  function make(at: Schema): string | undefined {
    if (++values > MOST_VALUES)
      throw invalidParameter('response_format', 'No small instance of this schema could be made up.', 'invalid_schema')
    switch (at.kind) {
      case 'any':
        return JSON.stringify(text(0, undefined))
      case 'string':
        return JSON.stringify(text(at.min, at.max))
      case 'format':
        return JSON.stringify(SAMPLES[at.format])
      case 'number':
        return '1.5'
      case 'integer':
        return String(Math.max(at.min ?? Number.NEGATIVE_INFINITY, Math.min(at.max ?? Number.POSITIVE_INFINITY, 1)))
      case 'boolean':
        return 'true'
      case 'null':
        return 'null'
      case 'values':
        return at.json[0]
      case 'oneOf':
        for (const option of at.options) {
          const made = make(option)
          if (made !== undefined) return made
        }
        return undefined
      case 'reference': {
        // A part inside of itself can only be left out: whoever holds it must have another way.
        if (open.has(at)) return undefined
        open.add(at)
        const made = make(at.target!)
        open.delete(at)
        return made
      }
      case 'array': {
        const items: string[] = []
        const wanted = Math.min(Math.max(at.min, at.first.length, at.items === undefined ? 0 : 1), at.max ?? Number.POSITIVE_INFINITY)
        for (let i = 0; i < wanted; i++) {
          const made = make(at.first[i] ?? at.items!)
          if (made === undefined) return items.length >= at.min ? `[${items.join(',')}]` : undefined
          items.push(made)
        }
        return `[${items.join(',')}]`
      }
      case 'object': {
        const members: string[] = []
        for (const property of at.properties) {
          const made = make(property.schema)
          if (made === undefined && property.required) return undefined
          if (made !== undefined) members.push(`${JSON.stringify(property.name)}:${made}`)
        }
        if (members.length === 0 && at.additional !== undefined) {
          const made = make(at.additional)
          if (made !== undefined) members.push(`"answer":${made}`)
        }
        return `{${members.join(',')}}`
      }
      default:
        return at satisfies never
    }
  }

  const made = make(schema)
  if (made === undefined) throw invalidParameter('response_format', 'No finite value is an instance of this schema.', 'invalid_schema')
  return made
}
