/** Resources as the pages speak of them: their addresses, and their manifests as a person would write them. */
import type { Kind, Resource } from '../../../src/resources/index.ts'

/** "default/assistant": how traffic and status name it. */
export function keyOf(resource: Resource): string {
  return `${resource.metadata.namespace}/${resource.metadata.name}`
}

/** "Route/assistant", as `strata apply` and an apply's `generations` name it. */
export function labelOf({ kind, metadata: { namespace, name } }: Resource): string {
  return namespace === 'default' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`
}

/** What goes at the end of an address of something in this namespace. */
export function inNamespace(namespace: string): string {
  return namespace === 'default' ? '' : `?namespace=${encodeURIComponent(namespace)}`
}

export interface Manifest {
  readonly apiVersion: string
  readonly kind: Kind
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: unknown
}

/** What a person writes; what control keeps beside it is left out. */
export function manifestOf({ apiVersion, kind, metadata, spec }: Resource): Manifest {
  const { name, namespace, labels, annotations } = metadata
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === 'default' ? {} : { namespace }),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    },
    spec,
  }
}

/** The part of a resource that changes are told of: what the audit and `strata apply --dry-run` compare. */
export function writtenOf(resource: Resource | Manifest | undefined): object | undefined {
  return resource && { metadata: { labels: resource.metadata.labels, annotations: resource.metadata.annotations }, spec: resource.spec }
}
