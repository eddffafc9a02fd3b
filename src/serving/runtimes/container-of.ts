/** A container with the secrets that its environment names. */
import { messageOf } from '../../kernel/errors.ts'
import { readSecret } from '../../kernel/secrets.ts'
import type { SecretReference } from '../../resources/scalars.ts'
import type { Container } from './port.ts'

type Planned = Omit<Container, 'env'> & { readonly env?: Readonly<Record<string, string | SecretReference>> }

/** `exists`: it has been made already, with its secrets; one that is not to be had any more is left out then. Throws, in words, otherwise. */
export function containerOf({ env, ...container }: Planned, exists: boolean, home: string): Container {
  if (!env) return container
  const filled: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    try {
      filled[name] = typeof value === 'string' ? value : readSecret(value, home)
    } catch (error) {
      if (!exists) throw new Error(`its environment variable ${name} cannot be set: ${messageOf(error)}`, { cause: error })
    }
  }
  return { ...container, env: filled }
}
