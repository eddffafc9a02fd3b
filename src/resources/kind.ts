/** What a kind is made of. Everything derived from resources (types, validation, JSON Schema, reference pages) starts from these definitions. */
import { z } from 'zod'
import { API_VERSION, metadata } from './scalars.ts'

/** A reference from one resource to another, found in a spec. `path` leads to the field, for messages with line and column. */
export interface Reference {
  readonly path: readonly (string | number)[]
  readonly kind: string
  readonly name: string
}

export interface KindDefinition<Kind extends string, Spec extends z.ZodType, Status extends z.ZodType> {
  readonly kind: Kind
  /** Path segment of the API and word of the command line, e.g. "modelversions". */
  readonly plural: string
  /** Other words that `strata get` takes, e.g. "versions". */
  readonly aliases: readonly string[]
  /** One paragraph for `strata explain` and the reference. */
  readonly description: string
  readonly spec: Spec
  readonly status: Status
  /** Spec fields that must not change once the resource is ready. */
  readonly immutable?: readonly string[]
  /** The resources that this one names. Deleting one of them is refused while this one stands. */
  references(spec: z.infer<Spec>): Reference[]
}

export function defineKind<Kind extends string, Spec extends z.ZodType, Status extends z.ZodType>(
  definition: KindDefinition<Kind, Spec, Status>,
): KindDefinition<Kind, Spec, Status> {
  return definition
}

/** The schema of a whole resource of a kind, as it stands in a manifest. `status` is accepted there and ignored. */
export function resourceSchema<K extends string, S extends z.ZodType, T extends z.ZodType>(definition: KindDefinition<K, S, T>) {
  return z.strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: `Always \`${API_VERSION}\`.` }),
    kind: z.literal(definition.kind),
    metadata,
    spec: definition.spec,
    status: definition.status.optional(),
  })
}
