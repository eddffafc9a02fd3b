/** The control API as the console uses it: same origin, session cookie. Types come from control itself. */
import type { Kind, Resource } from '../../../src/resources/index.ts'

export const API = '/api/v1alpha1'

/** An answer that is not what was asked for. `status` 0: control could not be reached. */
export class ApiError extends Error {
  readonly status: number
  readonly advice: string | undefined

  constructor(status: number, message: string, advice?: string) {
    super(message)
    this.status = status
    this.advice = advice
  }
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  let res: Response
  try {
    res = await fetch(`${API}${path}`, { signal, headers: { accept: 'application/json' } })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiError(0, 'The control process does not answer.', 'It comes back by itself; `strata status` tells more.')
  }
  if (!res.ok) throw await errorOf(res)
  return (await res.json()) as T
}

async function errorOf(res: Response): Promise<ApiError> {
  try {
    const { error } = (await res.json()) as { error: { message: string; advice?: string } }
    return new ApiError(res.status, error.message, error.advice)
  } catch {
    return new ApiError(res.status, `Control answered ${res.status}.`) // not our JSON: a proxy in between
  }
}

export async function listResources<K extends Kind>(plural: string, signal?: AbortSignal): Promise<Resource<K>[]> {
  return (await getJson<{ items: Resource<K>[] }>(`/${plural}`, signal)).items
}
