/** `strata get`: tables of resources, or the resources themselves as JSON or YAML that can be applied again. */
import { stringify } from 'yaml'
import { StrataError } from '../../kernel/errors.ts'
import { KIND_NAMES, type Kind, type Resource } from '../../resources/index.ts'
import { columnsOf } from '../columns.ts'
import { type ControlClient, connectControl } from '../control-client.ts'
import { getResource, kindOf, lastUsesOf, listResources, parseTargets } from '../resource-access.ts'
import { formatTable } from '../table.ts'

export interface GetFlags {
  readonly namespace: string
  readonly allNamespaces?: boolean
  readonly output?: string
}

export async function get(kinds: string, names: readonly string[], flags: GetFlags): Promise<void> {
  const client = connectControl()
  const found = names.length > 0 || kinds.includes('/') ? await byName(client, kinds, names, flags) : await byKind(client, kinds, flags)
  const all = [...found.values()].flat()
  if (flags.output === 'json') {
    const single = names.length === 1 && all.length === 1
    console.log(JSON.stringify(single ? all[0] : { items: all }, undefined, 2))
  } else if (flags.output === 'yaml')
    console.log(
      all
        .map((one) => stringify(one, { lineWidth: 0 }))
        .join('---\n')
        .trimEnd(),
    )
  else await printTables(client, found, flags)
}

type Found = ReadonlyMap<Kind, readonly Resource[]>

async function byName(client: ControlClient, kinds: string, names: readonly string[], flags: GetFlags): Promise<Found> {
  if (flags.allNamespaces) throw new StrataError('usage', 'A name and --all-namespaces do not go together.')
  const found = new Map<Kind, Resource[]>()
  for (const { kind, name } of parseTargets(kinds, names)) {
    const resource = await getResource(client, kind, flags.namespace, name)
    found.set(kind, [...(found.get(kind) ?? []), resource])
  }
  return found
}

async function byKind(client: ControlClient, kinds: string, flags: GetFlags): Promise<Found> {
  const wanted = kinds === 'all' ? KIND_NAMES : kinds.split(',').map(kindOf)
  const namespace = flags.allNamespaces ? undefined : flags.namespace
  const lists = await Promise.all(wanted.map((kind) => listResources(client, kind, namespace)))
  return new Map(wanted.map((kind, i) => [kind, lists[i] as Resource[]]))
}

export async function printTables(client: ControlClient, found: Found, flags: GetFlags): Promise<void> {
  const routes = found.has('ModelVersion') ? await listResources(client, 'Route', undefined) : []
  const lastUses = found.has('ApiKey') && flags.output === 'wide' ? await lastUsesOf(client) : new Map<string, number>()
  const world = { now: Date.now(), routes, lastUses, allNamespaces: flags.allNamespaces ?? false }
  const shown = [...found].filter(([, resources]) => resources.length > 0)
  if (shown.length === 0) {
    process.stderr.write(`Nothing found${flags.allNamespaces ? '' : ` in namespace ${flags.namespace}`}.\n`)
    return
  }
  const tables = shown.map(([kind, resources]) => {
    const table = formatTable(resources, columnsOf(kind, world), flags.output === 'wide')
    return found.size > 1 ? `${kind}\n${table}` : table
  })
  console.log(tables.join('\n\n'))
}
