/** The credentials of backends, which snapshots only refer to. */
import { messageOf, StrataError } from '../kernel/errors.ts'
import { readSecret } from '../kernel/secrets.ts'
import type { SecretReference } from '../resources/scalars.ts'

const KEPT_MS = 10_000
const files = new Map<string, { value: string; readAt: number }>()

/** A file is read at most every ten seconds, for every request needs it. Throws a StrataError. `now`: monotonic milliseconds. */
export function backendSecret(reference: SecretReference, now: number): string {
  const file = 'file' in reference ? reference.file : undefined
  const kept = file === undefined ? undefined : files.get(file)
  if (kept && now - kept.readAt < KEPT_MS) return kept.value
  try {
    const value = readSecret(reference)
    if (value === '')
      throw new Error('env' in reference ? `the environment variable ${reference.env} is empty` : `the file ${file} is empty`)
    if (file !== undefined) files.set(file, { value, readAt: now })
    return value
  } catch (cause) {
    throw new StrataError('secret_missing', `The gateway has no credentials for a backend: ${messageOf(cause)}.`, { cause })
  }
}
