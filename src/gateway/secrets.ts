/** Reads the secrets that snapshots only refer to, in the process that uses them. */
import { readFileSync } from 'node:fs'
import { StrataError } from '../kernel/errors.ts'
import type { SecretReference } from '../resources/scalars.ts'

const KEPT_MS = 10_000
const files = new Map<string, { value: string; readAt: number }>()

/** Throws a StrataError that names where the secret should be, never what it is. `now`: monotonic milliseconds. */
export function readSecret(reference: SecretReference, now: number): string {
  if ('env' in reference) {
    const value = process.env[reference.env]
    if (value) return value
    throw new StrataError('secret_missing', `The environment variable ${reference.env} is not set for the gateway.`)
  }
  const kept = files.get(reference.file)
  if (kept && now - kept.readAt < KEPT_MS) return kept.value
  try {
    const value = readFileSync(reference.file, 'utf8').trim()
    files.set(reference.file, { value, readAt: now })
    return value
  } catch (cause) {
    throw new StrataError('secret_missing', `The file ${reference.file} that holds a backend's credentials cannot be read.`, { cause })
  }
}
