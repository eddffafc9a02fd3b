import { z } from 'zod'
import { defineKind } from './kind.ts'
import { atLeast, condition, httpAddress, secretReference } from './scalars.ts'

/** What servers of models speak. */
export const protocol = z.enum(['openai', 'oip', 'torchserve', 'tensorflow-serving'])
export type Protocol = z.infer<typeof protocol>

export const backend = defineKind({
  kind: 'Backend',
  plural: 'backends',
  aliases: ['backend'],
  description:
    'A server that already runs elsewhere and speaks a known protocol. Its address may be private: it is legal because it is declared here.',
  spec: z.strictObject({
    protocol: protocol.meta({
      description:
        "What the server speaks: OpenAI's API (vLLM, llama-server, SGLang, Ollama, TGI, hosted ones), the Open Inference Protocol v2 (Triton, MLServer, KServe), TorchServe's, or TensorFlow Serving's REST API.",
    }),
    address: httpAddress.meta({
      description: 'Base address that requests go to; for OpenAI servers with `/v1`.',
      examples: ['http://10.0.0.7:8000/v1', 'http://10.0.0.8:8080'],
    }),
    management: z
      .strictObject({
        address: httpAddress.meta({ description: 'Base address.', examples: ['http://10.0.0.8:8081'] }),
        credentials: z.strictObject({ bearer: secretReference }).optional().meta({ description: 'Sent as `Authorization: Bearer`.' }),
      })
      .optional()
      .meta({
        description:
          "Where the server is managed, if that is another address: TorchServe's management API (what it has and how busy it is can be asked there alone), TensorFlow Serving's gRPC port.",
      }),
    credentials: z.strictObject({ bearer: secretReference }).optional().meta({ description: 'Sent as `Authorization: Bearer`.' }),
    health: z
      .strictObject({ period: atLeast('100ms').default('10s') })
      .default({ period: '10s' })
      .meta({ description: 'How often it is probed.' }),
    discovery: z
      .strictObject({ models: z.boolean().default(false).meta({ description: 'Ask it for its models.' }) })
      .optional()
      .meta({ description: 'List its models in `status`.' }),
    manage: z.boolean().default(false).meta({
      description:
        'Strata loads the models there that versions name, scales their workers to `scaling`, and unloads what no version names any more. Off, the server is left alone. TensorFlow Serving can only be told its whole list: what no version names is gone from it then.',
    }),
    maxConcurrent: z.number().int().min(1).max(100_000).default(256).meta({ description: 'Requests in flight from one gateway at most.' }),
  }),
  status: z.strictObject({
    observedGeneration: z.number().int().optional(),
    conditions: z.array(condition).default([]),
    server: z.string().optional().meta({ description: 'What it says it is, e.g. `vLLM 0.11.0`.' }),
    extensions: z.array(z.string()).optional().meta({ description: 'Extensions of its protocol that it announces.' }),
    managed: z
      .array(z.strictObject({ model: z.string(), version: z.string().optional(), label: z.string().optional() }))
      .optional()
      .meta({ description: 'With `manage`: what Strata has loaded there, and will unload when no version names it any more.' }),
    models: z
      .array(
        z.strictObject({
          name: z.string(),
          version: z.string().optional(),
          state: z.enum(['ready', 'loading', 'unloaded', 'failed']),
          reason: z.string().optional().meta({ description: 'Why it is not ready, in the words of the server.' }),
        }),
      )
      .optional()
      .meta({ description: 'What it has, where it lists that.' }),
  }),
  references: () => [],
})
