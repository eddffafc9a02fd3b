/**
 * Servers that speak OpenAI's API and differ in what is around it. Each is told by what it alone has: the names of its metrics, or what it
 * writes into `owned_by` of its models. Their own documentation is the source of the names.
 */
import type { Sample } from '../../../wire/prometheus/text.ts'
import type { BackendLoad } from '../port.ts'

export interface OpenAIServer {
  readonly name: string
  /** A metric that no other server has; its presence decides. */
  readonly metric?: string
  readonly ownedBy?: readonly string[]
  /** Metrics of requests that run, that wait, and of the share of the KV cache in use. */
  readonly running?: readonly string[]
  readonly waiting?: readonly string[]
  readonly cacheUsed?: readonly string[]
  /** It answers for no model but those it lists. llama-server, for one, takes any name. */
  readonly onlyListed: boolean
  /** Where it tells its version: a path beside `/v1`, and the field of its JSON. */
  readonly version?: { readonly path: string; readonly field: string }
}

export const SERVERS: readonly OpenAIServer[] = [
  {
    name: 'vLLM',
    metric: 'vllm:num_requests_running',
    ownedBy: ['vllm'],
    running: ['vllm:num_requests_running'],
    waiting: ['vllm:num_requests_waiting'],
    cacheUsed: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'],
    onlyListed: true,
    version: { path: '/version', field: 'version' },
  },
  {
    name: 'SGLang',
    metric: 'sglang:num_running_reqs',
    ownedBy: ['sglang'],
    running: ['sglang:num_running_reqs'],
    waiting: ['sglang:num_queue_reqs'],
    cacheUsed: ['sglang:token_usage'],
    onlyListed: false,
    version: { path: '/get_server_info', field: 'version' },
  },
  {
    name: 'llama-server',
    metric: 'llamacpp:requests_processing',
    ownedBy: ['llamacpp'],
    running: ['llamacpp:requests_processing'],
    waiting: ['llamacpp:requests_deferred'],
    cacheUsed: ['llamacpp:kv_cache_usage_ratio'],
    onlyListed: false,
  },
  {
    name: 'TGI',
    metric: 'tgi_queue_size',
    running: ['tgi_batch_current_size'],
    waiting: ['tgi_queue_size'],
    onlyListed: false,
    version: { path: '/info', field: 'version' },
  },
  { name: 'Ollama', ownedBy: ['library'], onlyListed: true, version: { path: '/api/version', field: 'version' } },
  { name: 'Strata', ownedBy: ['strata'], onlyListed: true },
]

export function serverOf(samples: readonly Sample[], owners: readonly string[]): OpenAIServer | undefined {
  const names = new Set(samples.map(({ name }) => name))
  return (
    SERVERS.find(({ metric }) => metric !== undefined && names.has(metric)) ??
    SERVERS.find(({ ownedBy }) => ownedBy?.some((owner) => owners.includes(owner)))
  )
}

/** The load by a server's metrics; undefined where it does not say how many requests run. Samples of one name (a label per model) add up. */
export function loadOf(server: OpenAIServer, samples: readonly Sample[]): BackendLoad | undefined {
  const values = (names: readonly string[] | undefined) => {
    for (const name of names ?? []) {
      const found = samples.filter((sample) => sample.name === name && Number.isFinite(sample.value)).map(({ value }) => value)
      if (found.length > 0) return found
    }
    return undefined
  }
  const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0)
  const running = values(server.running)
  if (!running) return undefined
  const cache = values(server.cacheUsed)
  return {
    running: sum(running),
    waiting: sum(values(server.waiting) ?? []),
    ...(cache ? { cacheUsed: Math.min(1, Math.max(0, ...cache)) } : {}),
  }
}
