/** `strata keys`: API keys of consumers. The secret is shown once, when the key is made. */
import { StrataError } from '../../kernel/errors.ts'
import { parseDuration } from '../../kernel/units.ts'
import type { Resource } from '../../resources/index.ts'
import { connectControl } from '../control-client.ts'
import { listResources, orNearest } from '../resource-access.ts'
import { type GetFlags, printTables } from './get.ts'

interface NewKeyFlags {
  readonly namespace: string
  readonly name?: string
  readonly expires?: string
  readonly output?: string
}

export async function createKey(consumer: string, flags: NewKeyFlags): Promise<void> {
  const made = await connectControl().call<{ secret: string; key: Resource<'ApiKey'> }>('POST', '/keys', {
    ...{ consumer, namespace: flags.namespace },
    ...(flags.name ? { name: flags.name } : {}),
    ...(flags.expires ? { expires: expiryOf(flags.expires, Date.now()) } : {}),
  })
  if (flags.output === 'json') console.log(JSON.stringify(made, undefined, 2))
  else {
    console.log(made.secret)
    process.stderr.write(
      `\nKey ${made.key.metadata.name} of consumer ${consumer}${made.key.spec.expires ? `, until ${made.key.spec.expires}` : ''}. It is shown this once: only its hash is kept.\n`,
    )
  }
}

/** A date, a time, or a duration from now ("90d"). */
export function expiryOf(text: string, now: number): string {
  const duration = parseDuration(text)
  if (duration !== undefined) return new Date(now + duration).toISOString()
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time))
    throw new StrataError('usage', `"${text}" is neither a date nor a duration.`, {
      advice: 'Say 2027-01-01, 2027-01-01T12:00:00Z or 90d.',
    })
  if (time <= now) throw new StrataError('usage', `${text} has passed already.`)
  return text
}

export async function listKeys(flags: GetFlags & { readonly consumer?: string }): Promise<void> {
  const client = connectControl()
  const all = await listResources(client, 'ApiKey', flags.allNamespaces ? undefined : flags.namespace)
  const keys = all.filter(({ spec }) => !flags.consumer || spec.consumer === flags.consumer)
  if (flags.output === 'json') console.log(JSON.stringify({ items: keys }, undefined, 2))
  else await printTables(client, new Map([['ApiKey', keys]]), flags)
}

interface Revocation {
  readonly confirmed: boolean
  readonly gateways: readonly { readonly id: string; readonly confirmed: boolean }[]
}

export async function revokeKey(name: string, { namespace }: { readonly namespace: string }): Promise<void> {
  const client = connectControl()
  const path = `/keys/${encodeURIComponent(name)}/revoke?namespace=${encodeURIComponent(namespace)}`
  const { confirmed, gateways } = await orNearest(client, { kind: 'ApiKey', namespace, name }, () => client.call<Revocation>('POST', path))
  const silent = gateways.filter((gateway) => !gateway.confirmed).map(({ id }) => id)
  if (confirmed && silent.length === 0) console.log(`Key ${name} is revoked: every gateway refuses it from now on.`)
  else
    console.log(`Key ${name} is revoked. Not confirmed yet by ${silent.join(', ') || 'any gateway'}: \`strata status\` shows when it is.`)
}
