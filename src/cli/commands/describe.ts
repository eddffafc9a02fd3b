/** `strata describe`: one resource for people: what is written, what runs, what happened to it. */
import { stringify } from 'yaml'
import type { Condition } from '../../resources/scalars.ts'
import { connectControl } from '../control-client.ts'
import { getResource, parseTargets } from '../resource-access.ts'
import { formatFields, formatTable } from '../table.ts'

interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly actor: string
  readonly action: string
}

export async function describe(kind: string, names: readonly string[], flags: { namespace: string }): Promise<void> {
  const client = connectControl()
  const parts: string[] = []
  for (const target of parseTargets(kind, names)) {
    const resource = await getResource(client, target.kind, flags.namespace, target.name)
    const { metadata, spec } = resource
    const { conditions = [], ...status } = (resource.status ?? {}) as { conditions?: Condition[] } & Record<string, unknown>
    const audit = await client.call<{ items: AuditEntry[] }>(
      'GET',
      `/audit?kind=${target.kind}&namespace=${encodeURIComponent(metadata.namespace)}&name=${encodeURIComponent(metadata.name)}&limit=10`,
    )
    parts.push(
      [
        formatFields([
          ['Name', metadata.name],
          ['Namespace', metadata.namespace],
          ['Kind', resource.kind],
          ['Created', metadata.creationTimestamp ?? ''],
          ['Generation', String(metadata.generation ?? '')],
          ['Labels', pairs(metadata.labels)],
        ]),
        section('Spec', yaml(spec)),
        Object.keys(status).length > 0 ? section('Status', yaml(status)) : '',
        conditions.length > 0
          ? section(
              'Conditions',
              formatTable(conditions, [
                { heading: 'TYPE', value: (one) => one.type },
                { heading: 'STATUS', value: (one) => one.status },
                { heading: 'REASON', value: (one) => one.reason },
                { heading: 'SINCE', value: (one) => one.lastTransitionTime },
                { heading: 'MESSAGE', value: (one) => one.message },
              ]),
            )
          : '',
        audit.items.length > 0
          ? section(
              'Changes',
              formatTable(audit.items, [
                { heading: 'TIME', value: (one) => new Date(one.time).toISOString() },
                { heading: 'WHO', value: (one) => one.actor },
                { heading: 'WHAT', value: (one) => one.action },
              ]),
            )
          : '',
      ]
        .filter(Boolean)
        .join('\n'),
    )
  }
  console.log(parts.join('\n\n'))
}

const yaml = (value: unknown) => stringify(value, { lineWidth: 0 }).trimEnd()
const pairs = (labels: Record<string, string> | undefined) =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(', ') || 'none'
const section = (title: string, text: string) =>
  `${title}:\n${text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}`
