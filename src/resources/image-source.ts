/** A version that is a container image which speaks a known protocol. */
import { z } from 'zod'
import { protocol } from './backend.ts'
import { secretReference } from './scalars.ts'

const text = z.string().max(32_768)

const volume = z.strictObject({
  source: z
    .string()
    .regex(/^(\/|[A-Za-z0-9][A-Za-z0-9_.-]*$)/, 'a folder of the machine ("/models") or the name of a volume ("models")')
    .meta({ description: 'The name of a volume, or a folder of the machine, which takes the role admin.', examples: ['/srv/models'] }),
  target: z.string().regex(/^\//, 'a path in the container').meta({ description: 'Where it is in the container.' }),
  readOnly: z.boolean().default(false).meta({ description: 'The container cannot write there.' }),
})

const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'the name of an environment variable'),
  z.union([text, secretReference]),
)

export const imageSource = z.strictObject({
  name: z
    .string()
    .max(512)
    .regex(/^[A-Za-z0-9]+([._:/-]+[A-Za-z0-9]+)*(@sha256:[0-9a-f]{64})?$/, 'an image such as "vllm/vllm-openai:v0.11.0"')
    .refine((name) => !name.includes('..') && !name.includes('//'), 'an image such as "vllm/vllm-openai:v0.11.0"')
    .meta({
      description: 'The image. One with a digest or a tag that never moves gives the same answers tomorrow.',
      examples: ['vllm/vllm-openai:v0.11.0'],
    }),
  protocol: protocol.meta({ description: 'What the server in it speaks.' }),
  port: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .meta({ description: 'On which it listens in the container. It is told so as PORT; `$(PORT)` in `args` and `env` stands for it.' }),
  args: z.array(text).max(256).optional().meta({ description: "In place of the image's own command." }),
  env: environment.optional().meta({ description: 'Environment variables: texts, or secrets as `{ env: NAME }` or `{ file: path }`.' }),
  volumes: z.array(volume).max(32).optional().meta({ description: 'What of the machine it sees.' }),
  path: z
    .string()
    .regex(/^(\/[^\s?#]*[^\s?#/])?$/, 'a path such as "/v1", without "/" at its end')
    .optional()
    .meta({ description: "What stands before the protocol's paths. Default: `/v1` for openai, nothing for the others." }),
  model: z.string().min(1).max(512).optional().meta({ description: 'What the server calls the model. Default: the name of our model.' }),
  version: z.string().min(1).max(128).optional().meta({ description: 'Which version of it there, where the server has several.' }),
  credentials: z.strictObject({ bearer: secretReference }).optional().meta({ description: 'Sent as `Authorization: Bearer`.' }),
  maxConcurrent: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(64)
    .meta({ description: 'Requests in flight from one gateway to one instance at most.' }),
})
export type ImageSource = z.infer<typeof imageSource>

/** What stands before the protocol's paths. */
export const basePathOf = ({ path, protocol: spoken }: ImageSource): string => path ?? (spoken === 'openai' ? '/v1' : '')
