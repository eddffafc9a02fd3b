/** The control API as the console uses it: same origin, session cookie. Types come from control itself. */
import type { Kind, Resource } from '../../../src/resources/index.ts'
import type { Problem } from '../../../src/resources/problems.ts'
import type { ResourceChange } from '../../../src/store/resources.ts'

export const API = '/api/v1alpha1'

/** An answer that is not what was asked for. `status` 0: control could not be reached. */
export class ApiError extends Error {
  readonly status: number
  /** Control's own word for it: "conflict", "in_use", "forbidden", … */
  readonly code: string
  readonly advice: string | undefined
  readonly problems: readonly Problem[]

  constructor(status: number, code: string, message: string, advice?: string, problems: readonly Problem[] = []) {
    super(message)
    this.status = status
    this.code = code
    this.advice = advice
    this.problems = problems
  }
}

export function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call('GET', path, undefined, signal)
}

export function sendJson<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return call(method, path, body)
}

async function call<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  let res: Response
  try {
    res = await fetch(`${API}${path}`, {
      method,
      signal,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiError(0, 'unreachable', 'The control process does not answer.', 'It comes back by itself; `strata status` tells more.')
  }
  if (!res.ok) throw await errorOf(res)
  const text = await res.text()
  return (text ? JSON.parse(text) : undefined) as T
}

interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly advice?: string }
  readonly problems?: readonly Problem[]
}

async function errorOf(res: Response): Promise<ApiError> {
  try {
    const { error, problems } = (await res.json()) as ErrorBody
    return new ApiError(res.status, error.code, error.message, error.advice, problems)
  } catch {
    return new ApiError(res.status, 'failed', `Control answered ${res.status}.`) // not our JSON: a proxy in between
  }
}

export async function listResources<K extends Kind>(plural: string, signal?: AbortSignal): Promise<Resource<K>[]> {
  return (await getJson<{ items: Resource<K>[] }>(`/${plural}`, signal)).items
}

/**
 * Applies all documents or none; `dryRun` checks them and tells what would change; `generations` refuses when somebody has changed one since
 * ("Route/assistant" must still be at that generation). What is wrong with them is an `ApiError` with `problems`.
 */
export async function applyDocuments(
  documents: readonly unknown[],
  options: { dryRun?: boolean; generations?: Readonly<Record<string, number>> } = {},
): Promise<readonly ResourceChange[]> {
  const { dryRun = false, generations } = options
  return (await sendJson<{ changes: ResourceChange[] }>('POST', '/apply', { documents, dryRun, generations })).changes
}
