/** `strata explain KIND.path`: what a field means, what may stand there, what it is when it is left out. From the schema, without a running system. */
import { StrataError } from '../../kernel/errors.ts'
import { KINDS, type Kind } from '../../resources/index.ts'
import { alternativesOf, describeSchema, type JsonSchema, jsonSchemaOf, schemasAt } from '../../resources/json-schema.ts'
import { nearest } from '../../resources/nearest.ts'
import { kindOf } from '../resource-access.ts'
import { formatTable } from '../table.ts'
import { palette } from '../terminal.ts'

export function explain(target: string): void {
  console.log(explanation(target, palette().bold))
}

/** "route", "Route.spec.targets.weight"; `spec` may be left out. Entries of a list need no index. */
export function explanation(target: string, bold: (text: string) => string = (text) => text): string {
  const [kindWord, ...steps] = target.split('.').map((step) => step.replace(/\[\d*\]$/, ''))
  const kind = kindOf(kindWord!)
  const whole = jsonSchemaOf(kind)
  const path = fieldPath(whole, kind, steps)
  const schemas = path.length === 0 ? [whole] : below(whole, path)
  const description = path.length === 0 ? KINDS[kind].description : schemas.map((schema) => schema.description).find(Boolean)
  const types = [
    ...new Set(
      schemas.flatMap((schema) =>
        schema.type === 'array' && schema.items ? `a list of: ${describeSchema(schema.items)}` : describeSchema(schema),
      ),
    ),
  ]
  const fallback = schemas.map((schema) => schema.default).find((value) => value !== undefined)
  const lines = [`${bold(kind)}${path.length > 0 ? `.${path.join('.')}` : ''}`, '', ...(description ? [description, ''] : [])]
  if (path.length > 0) {
    const isPlain = !types.every((type) => type.startsWith('fields: '))
    if (isPlain) lines.push(`Type:     ${types.join(' or ')}`)
    if (fallback !== undefined) lines.push(`Default:  ${JSON.stringify(fallback)}`)
    const examples = schemas.flatMap((schema) => schema.examples ?? [])
    if (examples.length > 0) lines.push(`Example:  ${examples.map((one) => JSON.stringify(one)).join(', ')}`)
    if (isPlain || fallback !== undefined || examples.length > 0) lines.push('')
  }
  const fields = fieldsOf(schemas)
  if (fields.length > 0)
    lines.push(
      'Fields:',
      formatTable(fields, [
        { heading: 'NAME', value: (field) => `${field.name}${field.required ? ' *' : ''}` },
        { heading: 'TYPE', value: (field) => shorten(typeOf(field.schema), 44) },
        {
          heading: 'DEFAULT',
          value: (field) => (field.schema.default === undefined ? '' : shorten(JSON.stringify(field.schema.default), 24)),
        },
        { heading: 'MEANING', value: (field) => field.schema.description ?? '' },
      ]),
      ...(fields.some((field) => field.required) ? ['', '* must be given'] : []),
    )
  return lines.join('\n').trimEnd()
}

function fieldPath(whole: JsonSchema, kind: Kind, steps: readonly string[]): string[] {
  if (steps.length === 0) return []
  const top = Object.keys(whole.properties ?? {})
  const path = top.includes(steps[0]!) ? [...steps] : ['spec', ...steps]
  for (let i = 1; i <= path.length; i++) {
    if (below(whole, path.slice(0, i)).length > 0) continue
    const allowed = fieldsOf(below(whole, path.slice(0, i - 1))).map(({ name }) => name)
    const close = nearest(path[i - 1]!, allowed)
    throw new StrataError('not_found', `${kind}.${path.slice(0, i).join('.')} is no field${close ? `; did you mean "${close}"?` : '.'}`, {
      advice: allowed.length > 0 ? `There are: ${allowed.join(', ')}.` : undefined,
    })
  }
  return path
}

/** Steps through lists without naming an entry. */
function below(schema: JsonSchema, path: readonly string[]): readonly JsonSchema[] {
  return path.reduce<readonly JsonSchema[]>((here, step) => here.flatMap((one) => schemasAt(unlisted(one), [step])), [schema])
}

/** A list stands for its entries. */
function unlisted(schema: JsonSchema): JsonSchema {
  return schema.type === 'array' && schema.items ? unlisted(schema.items) : schema
}

interface Field {
  readonly name: string
  readonly schema: JsonSchema
  readonly required: boolean
}

function fieldsOf(schemas: readonly JsonSchema[]): Field[] {
  const fields = new Map<string, Field>()
  const branches = schemas.map(unlisted).flatMap(alternativesOf)
  for (const branch of branches)
    for (const [name, schema] of Object.entries(branch.properties ?? {})) {
      // Of several branches a field must be given only when all of them ask for it.
      const required = branches.every((one) => one.required?.includes(name))
      const before = fields.get(name)
      fields.set(
        name,
        before
          ? {
              ...before,
              schema: {
                anyOf: [...alternativesOf(before.schema), ...alternativesOf(schema)],
                description: before.schema.description ?? schema.description,
                // What is left out is the same in all of them, or there is no one word for it.
                ...(isSame(before.schema.default, schema.default) ? { default: schema.default } : {}),
              },
            }
          : { name, schema, required },
      )
    }
  return [...fields.values()]
}

function typeOf(schema: JsonSchema): string {
  if (schema.type === 'array' && schema.items)
    return `list of ${schema.items.type === 'object' || schema.items.anyOf ? 'entries' : describeSchema(schema.items)}`
  if (schema.type === 'object') return schema.properties ? 'fields' : 'names and values'
  return describeSchema(schema)
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

const shorten = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)
