/** Asks an OpenAI-compatible server which models it has: the cheapest question that also proves the credentials. */
import { readFileSync } from 'node:fs'
import { request } from 'undici'
import { messageOf } from '../../kernel/errors.ts'
import type { Spec } from '../../resources/index.ts'
import type { SecretReference } from '../../resources/scalars.ts'

const TIMEOUT_MS = 5_000
const MOST_MODELS = 1_000

export interface BackendProbe {
  readonly reachable: boolean
  readonly message?: string
  readonly models?: readonly string[]
}

export async function probeBackend(backend: Spec<'Backend'>, signal: AbortSignal): Promise<BackendProbe> {
  try {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (backend.credentials) headers.authorization = `Bearer ${readSecret(backend.credentials.bearer)}`
    const address = `${backend.address.replace(/\/$/, '')}/models`
    const { statusCode, body } = await request(address, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) })
    const text = await body.text()
    if (statusCode === 401 || statusCode === 403) return { reachable: false, message: `it refuses our credentials (HTTP ${statusCode})` }
    if (statusCode >= 500) return { reachable: false, message: `it answers HTTP ${statusCode} to GET /models` }
    // 404 and the like: a server without a list of models is there all the same.
    return { reachable: true, models: statusCode === 200 ? modelsIn(text) : undefined }
  } catch (error) {
    return { reachable: false, message: messageOf(error) }
  }
}

function modelsIn(text: string): string[] | undefined {
  try {
    const { data } = JSON.parse(text) as { data?: unknown }
    if (!Array.isArray(data)) return undefined
    return data.flatMap((each: { id?: unknown }) => (typeof each?.id === 'string' ? each.id : [])).slice(0, MOST_MODELS)
  } catch {
    return undefined // not JSON: it answers, and lists nothing that we could read
  }
}

function readSecret(reference: SecretReference): string {
  if ('file' in reference) return readFileSync(reference.file, 'utf8').trim()
  const value = process.env[reference.env]
  if (value === undefined) throw new Error(`the environment variable ${reference.env} is not set`)
  return value
}
