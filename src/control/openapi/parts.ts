/** What the descriptions of the API's paths are made of. */
import { z } from 'zod'
import { ROLES } from '../../store/identity.ts'

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description?: string
  readonly schema: unknown
}
type Content = Readonly<Record<string, { readonly schema: unknown }>>
export interface Operation {
  readonly summary: string
  readonly tags: readonly string[]
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}
export interface OpenApiDocument {
  readonly openapi: string
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  readonly servers: readonly { readonly url: string }[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<string, unknown>>
}

export const schema = (type: z.ZodType) => {
  const { $schema: _, ...rest } = z.toJSONSchema(type, { io: 'input' })
  return rest
}
export const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })
export const json = (of: unknown): Content => ({ 'application/json': { schema: of } })
export const answer = (description: string, of?: unknown) => ({ description, ...(of === undefined ? {} : { content: json(of) }) })
export const stream = (description: string, type: string, of: unknown) => ({ description, content: { [type]: { schema: of } } })
export const query = (name: string, description: string, type = 'string'): Parameter => ({
  name,
  in: 'query',
  description,
  schema: { type },
})
export const path = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
})
export const namespace = query('namespace', 'Default: `default`.')

export const error = z.object({
  error: z.object({ code: z.string(), message: z.string(), advice: z.string().optional(), details: z.unknown().optional() }),
})
export const problems = error.extend({
  problems: z.array(
    z.object({
      document: z.number().int().meta({ description: 'Index in `documents`.' }),
      path: z.array(z.union([z.string(), z.number()])),
      message: z.string(),
      expected: z.string().optional(),
      suggestion: z.string().optional(),
    }),
  ),
})
export const role = z.enum(ROLES)
export const secretOnce = z.string().meta({ description: 'Shown this once; only its hash is kept.' })

export const errors = {
  '401': answer('No token and no session, or one that is not known.', reference('Error')),
  '403': answer('The role does not allow it, or a page from elsewhere asks.', reference('Error')),
}
