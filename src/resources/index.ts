/**
 * The resources: one file a kind, and what all kinds share. A kind's zod schema is the only source of its type, its validation, its JSON
 * Schema and its reference page. Nothing here touches a disk, a socket or a database.
 */
import type { z } from 'zod'
import { apiKey } from './api-key.ts'
import { backend } from './backend.ts'
import { consumer } from './consumer.ts'
import { experiment } from './experiment.ts'
import { resourceSchema } from './kind.ts'
import { limit } from './limit.ts'
import { model } from './model.ts'
import { modelVersion } from './model-version.ts'
import { rollout } from './rollout.ts'
import { route } from './route.ts'
import type { Metadata } from './scalars.ts'

/** Every kind, in the order in which they can be created. */
export const KINDS = {
  Model: model,
  Limit: limit,
  Backend: backend,
  ModelVersion: modelVersion,
  Route: route,
  Consumer: consumer,
  ApiKey: apiKey,
  Rollout: rollout,
  Experiment: experiment,
} as const

export type Kind = keyof typeof KINDS
export const KIND_NAMES = Object.keys(KINDS) as Kind[]

export type Spec<K extends Kind> = z.infer<(typeof KINDS)[K]['spec']>
export type Status<K extends Kind> = z.infer<(typeof KINDS)[K]['status']>

/** A resource as the store keeps it: defaults filled in. */
export interface Resource<K extends Kind = Kind> {
  readonly apiVersion: string
  readonly kind: K
  readonly metadata: Metadata
  readonly spec: Spec<K>
  readonly status?: Status<K>
}

/** Schemas of whole resources by kind. */
export const RESOURCE_SCHEMAS = Object.fromEntries(KIND_NAMES.map((kind) => [kind, resourceSchema(KINDS[kind] as never)])) as unknown as {
  [K in Kind]: z.ZodType<Resource<K>>
}

/** "Route/assistant", or "Route/shop/assistant" outside of the default namespace. */
export function resourceLabel(resource: { kind: string; metadata: { name: string; namespace?: string } }): string {
  const { name, namespace } = resource.metadata
  return namespace && namespace !== 'default' ? `${resource.kind}/${namespace}/${name}` : `${resource.kind}/${name}`
}

/** The kind that a word of the command line or a path segment names, whatever its case: "routes", "Route", "mv". */
export function findKind(word: string): Kind | undefined {
  const wanted = word.toLowerCase()
  return KIND_NAMES.find(
    (kind) => kind.toLowerCase() === wanted || KINDS[kind].plural === wanted || (KINDS[kind].aliases as readonly string[]).includes(wanted),
  )
}

export type { Reference } from './kind.ts'
