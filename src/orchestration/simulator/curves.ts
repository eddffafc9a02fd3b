/** Service curves that others have measured, for trying things out. A version's own is measured on its own hardware. */
import type { ServiceCurve } from '../autoscaling/service-curve.ts'

export const LLAMA_70B: ServiceCurve = {
  name: 'Llama-2-70B on two A100',
  sequences: 32,
  // What 2 × 80 GB × 0.95 leave beside 140 GB of weights, at 0.33 MB a token.
  kvTokens: 37_000,
  contextTokens: 8_192,
  // A line through the times of single prompts: 81 ms for 128 tokens, 377 for 1,024, 1,485 for 4,096, 2,990 for 8,192.
  prefill: { overheadMs: 35, tokensPerSecond: 2_850, chunkTokens: 512 },
  decode: [
    { sequences: 1, stepMs: 59.9 },
    { sequences: 4, stepMs: 60.5 },
    { sequences: 8, stepMs: 61.7 },
    { sequences: 16, stepMs: 65.5 },
    { sequences: 32, stepMs: 72.2 },
  ],
  source:
    'Medians of what the authors of Splitwise (Patel et al., ISCA 2024) measured: github.com/Mutinifni/splitwise-sim at 8f99e7d, data/perf_model.csv, llama2-70b, a100-80gb, tensor_parallel 2.',
}
