/** A container with the secrets that its environment names. */
import { realpathSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { messageOf } from '../../kernel/errors.ts'
import type { SecretReference } from '../../resources/scalars.ts'
import { readSecret } from '../backends/ask.ts'
import type { Container } from './port.ts'

type Planned = Omit<Container, 'env'> & { readonly env?: Readonly<Record<string, string | SecretReference>> }

/** Strata's own secrets are nobody's to mount or to name: whoever may write versions must not become an admin by that. */
function secretOf(reference: SecretReference, home: string): string {
  if ('env' in reference && reference.env.startsWith('STRATA_')) throw new Error(`${reference.env} is a variable of Strata itself`)
  if ('file' in reference && isWithin(reference.file, home)) throw new Error(`${reference.file} lies in Strata's own home`)
  return readSecret(reference)
}

function isWithin(path: string, folder: string): boolean {
  const between = relative(realpathSync(folder), realpathSync(path))
  return !between.startsWith('..') && !isAbsolute(between)
}

/** `exists`: it has been made already, with its secrets; one that is not to be had any more is left out then. Throws, in words, otherwise. */
export function containerOf({ env, ...container }: Planned, exists: boolean, home: string): Container {
  if (!env) return container
  const filled: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    try {
      filled[name] = typeof value === 'string' ? value : secretOf(value, home)
    } catch (error) {
      if (!exists) throw new Error(`its environment variable ${name} cannot be set: ${messageOf(error)}`, { cause: error })
    }
  }
  return { ...container, env: filled }
}
