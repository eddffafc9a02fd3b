import { describe, expect, it } from 'vitest'
import { parsePrometheus } from '../../../wire/prometheus/text.ts'
import { loadOf, serverOf } from './servers.ts'

const METRICS: Record<string, string> = {
  vLLM: `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 2.0
vllm:num_requests_waiting{engine="0",model_name="a"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.5
`,
  SGLang: `sglang:num_running_reqs{model_name="m"} 5
sglang:num_queue_reqs{model_name="m"} 7
sglang:token_usage{model_name="m"} 0.5
`,
  'llama-server': `llamacpp:requests_processing 5
llamacpp:requests_deferred 7
llamacpp:kv_cache_usage_ratio 0.5
`,
  TGI: `tgi_batch_current_size 5
tgi_queue_size 7
`,
}

describe('servers that speak OpenAI’s API', () => {
  it.each(Object.entries(METRICS))('%s is told by its metrics, and its load is read from them', (name, text) => {
    const samples = parsePrometheus(text)
    const server = serverOf(samples, ['nobody'])
    expect(server?.name).toBe(name)
    expect(loadOf(server!, samples)).toEqual({ running: 5, waiting: 7, ...(name === 'TGI' ? {} : { cacheUsed: 0.5 }) })
  })

  it('those without metrics are told by who owns their models; an unknown one is just a server', () => {
    expect(serverOf([], ['library'])?.name).toBe('Ollama')
    expect(serverOf([], ['strata'])?.name).toBe('Strata')
    expect(serverOf([], ['acme'])).toBeUndefined()
  })

  it('an older vLLM names its cache by the GPU; what is no number is no load', () => {
    const older = parsePrometheus('vllm:num_requests_running 1\nvllm:gpu_cache_usage_perc 0.1\n')
    expect(loadOf(serverOf(older, [])!, older)).toEqual({ running: 1, waiting: 0, cacheUsed: 0.1 })
    const broken = parsePrometheus('vllm:num_requests_running NaN\n')
    expect(loadOf(serverOf(broken, [])!, broken)).toBeUndefined()
  })
})
