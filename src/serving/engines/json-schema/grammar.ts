/**
 * A schema as a GBNF grammar (llama.cpp's, github.com/ggml-org/llama.cpp/blob/master/grammars/README.md). The grammar ends with the
 * value: no white space follows it, so that a model cannot go on for ever after the closing brace.
 *
 * The size is linear in the schema: members that may be left out share their tails (one rule a member), and a part that is referred to
 * twice is one rule.
 */
import { integerRange } from './integer-range.ts'
import type { Schema, StringFormat } from './schema.ts'

const PRIMITIVES = `
space ::= | " " | "\\n"{1,2} [ \\t]{0,20}
char ::= [^"\\\\\\x7F\\x00-\\x1F] | [\\\\] (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})
string ::= "\\"" char* "\\""
integral ::= "0" | [1-9] [0-9]{0,15}
integer ::= "-"? integral
number ::= "-"? integral ("." [0-9]{1,16})? ([eE] [-+]? [0-9] [1-9]{0,2})?
boolean ::= "true" | "false"
null ::= "null"
object ::= "{" space (member ("," space member)* space)? "}"
member ::= string ":" space value
array ::= "[" space (value ("," space value)* space)? "]"
value ::= object | array | string | number | boolean | null
`

const FORMATS: Record<StringFormat, string> = {
  date: '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])',
  time: '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{3})? ("Z" | [-+] ("0" [0-9] | "1" [0-3]) ":" [0-5] [0-9])',
  'date-time': '',
  uuid: '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
  email: '[a-z0-9] [a-z0-9._]{0,30} [a-z0-9] "@" [a-z0-9] [a-z0-9-]{0,30} [a-z0-9] "." [a-z]{2,10}',
  ipv4: 'octet "." octet "." octet "." octet',
}
const OCTET = 'octet ::= "25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9] [0-9] | [0-9]'

/** A literal of the grammar that matches exactly `text`. */
export function literal(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`
}

/**
 * Alternatives that match exactly these texts. What several begin with is written once: as plain alternatives a thousand values with a common
 * beginning would be followed all at once, at every character of it.
 */
export function literals(texts: readonly string[]): string {
  const byFirst = Map.groupBy(
    texts.filter((text) => text !== ''),
    (text) => String.fromCodePoint(text.codePointAt(0)!),
  )
  const alternatives = [...byFirst.values()].map((group) => {
    if (group.length === 1) return literal(group[0]!)
    const shared = sharedBeginning(group)
    const rests = group.map((text) => text.slice(shared.length))
    const rest = literals(rests)
    return `${literal(shared)} (${rest})${rests.includes('') ? '?' : ''}`
  })
  return alternatives.join(' | ')
}

/** Never ends within a character. */
function sharedBeginning(texts: readonly string[]): string {
  const [first, ...others] = texts.map((text) => [...text]) as [string[], ...string[][]]
  let length = 0
  while (length < first.length && others.every((other) => other[length] === first[length])) length++
  return first.slice(0, length).join('')
}

/** Collects rules. Several schemas can share one grammar, e.g. the arguments of several tools. */
export class Grammar {
  readonly #rules: string[] = []
  readonly #named = new Map<Schema, string>()
  #octet = false

  /** The name of a rule that matches `body`. */
  rule(body: string): string {
    const name = `r${this.#rules.length}`
    this.#rules.push(`${name} ::= ${body}`)
    return name
  }

  /** The name of a rule that matches the instances of `schema`. */
  schema(schema: Schema): string {
    const known = this.#named.get(schema)
    if (known) return known
    switch (schema.kind) {
      case 'any':
        return 'value'
      case 'number':
      case 'boolean':
      case 'null':
        return schema.kind
      case 'string':
        if (schema.min === 0 && schema.max === undefined) return 'string'
        return this.#keep(schema, `"\\"" char{${schema.min},${schema.max ?? ''}} "\\""`)
      case 'integer':
        if (schema.min === undefined && schema.max === undefined) return 'integer'
        return this.#keep(schema, integerRange(schema.min, schema.max))
      case 'format':
        this.#octet ||= schema.format === 'ipv4'
        return this.#keep(
          schema,
          `"\\"" ${schema.format === 'date-time' ? `${FORMATS.date} "T" ${FORMATS.time}` : FORMATS[schema.format]} "\\""`,
        )
      case 'values':
        return this.#keep(schema, literals(schema.json))
      case 'oneOf':
        return this.#keep(schema, schema.options.map((option) => this.schema(option)).join(' | '))
      case 'reference': {
        // Named before its target is looked at: the target may refer back to it.
        const name = `ref${this.#named.size}`
        this.#named.set(schema, name)
        const target = this.schema(schema.target!)
        this.#rules.push(`${name} ::= ${target}`)
        return name
      }
      case 'array':
        return this.#keep(schema, this.#array(schema))
      case 'object':
        return this.#keep(schema, this.#object(schema))
      default:
        return schema satisfies never
    }
  }

  #keep(schema: Schema, body: string): string {
    const name = this.rule(body)
    this.#named.set(schema, name)
    return name
  }

  #array({ first, items, min, max }: Extract<Schema, { kind: 'array' }>): string {
    // Before each item after the first stands a comma; `rest` matches what may follow `count` items.
    const most = items === undefined ? Math.min(max ?? first.length, first.length) : max
    if (most === 0) return '"[" space "]"'
    if (first.length === 0) {
      const item = this.schema(items!)
      const more = most === 1 ? '' : `("," space ${item}){${Math.max(0, min - 1)},${most === undefined ? '' : most - 1}}`
      return min === 0 ? `"[" space (${item} ${more} space)? "]"` : `"[" space ${item} ${more} space "]"`
    }
    const leading = first.slice(0, most)
    const over = most === undefined ? undefined : most - leading.length
    let rest = ''
    if (items !== undefined && over !== 0) rest = `("," space ${this.schema(items)}){${Math.max(0, min - leading.length)},${over ?? ''}}`
    for (let i = leading.length - 1; i >= 0; i--) {
      const one = `${i === 0 ? '' : '"," space '}${this.schema(leading[i]!)} ${rest}`
      rest = this.rule(i < min ? one : `(${one})?`)
    }
    return `"[" space ${rest} space "]"`
  }

  #object({ properties, additional }: Extract<Schema, { kind: 'object' }>): string {
    const more = additional === undefined ? undefined : `string ":" space ${this.schema(additional)}`
    const members = properties.map((property) => `${literal(JSON.stringify(property.name))} ":" space ${this.schema(property.schema)}`)
    // `after[i]`: what may follow when a member stands already; `start[i]`: when none does. Both from member i on.
    let after = more === undefined ? '' : this.rule(`("," space ${more})*`)
    let start = more === undefined ? '' : this.rule(`(${more} ("," space ${more})*)?`)
    for (let i = members.length - 1; i >= 0; i--) {
      const alone = `${members[i]} ${after}`
      const next = `"," space ${members[i]} ${after}`
      if (properties[i]!.required) {
        start = this.rule(alone)
        after = this.rule(next)
      } else {
        start = this.rule(start === '' ? `(${alone})?` : `${alone} | ${start}`)
        after = this.rule(after === '' ? `(${next})?` : `${next} | ${after}`)
      }
    }
    return start === '' ? '"{" space "}"' : `"{" space ${start} space "}"`
  }

  /** The whole grammar, with `root` for its root. */
  text(root: string): string {
    return `root ::= ${root}\n${this.#rules.join('\n')}${this.#octet ? `\n${OCTET}` : ''}${PRIMITIVES}`
  }
}

/** Grammar of a text that is one instance of `schema`. */
export function schemaGrammar(schema: Schema): string {
  const grammar = new Grammar()
  return grammar.text(grammar.schema(schema))
}
