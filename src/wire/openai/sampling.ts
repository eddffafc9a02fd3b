/** Parameters that chat completions and completions share, with OpenAI's bounds, and `top_k` and `min_p`, which vLLM and llama.cpp add. */
import { z } from 'zod'

/** OpenAI takes 4. More than that is honest use, thousands are not. */
export const MOST_STOPS = 16
const LONGEST_STOP = 1_000
const MOST_BIASES = 1_024
export const MOST_CHOICES = 128

const stopText = z.string().min(1, 'a stop sequence must not be empty').max(LONGEST_STOP)

/** OpenAI takes 16. */
const MOST_METADATA = 64

/** Looked at before each entry is: an object of a hundred thousand entries shall cost nothing. */
const fewEntries = (most: number) =>
  z.custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length <= most,
    { error: `expected an object with at most ${most} entries`, abort: true },
  )

export const samplingFields = {
  model: z.string().min(1).max(512),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  logit_bias: fewEntries(MOST_BIASES)
    .pipe(z.record(z.string().regex(/^\d{1,9}$/, 'expected a token id'), z.number().min(-100).max(100)))
    .optional(),
  max_tokens: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31)
    .optional(),
  n: z.number().int().min(1).max(MOST_CHOICES).optional(),
  seed: z.number().int().optional(),
  stop: z.union([stopText, z.array(stopText).max(MOST_STOPS, `at most ${MOST_STOPS} stop sequences`)]).optional(),
  stream: z.boolean().optional(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      /** Padding against traffic analysis, of which we send none. */
      include_obfuscation: z.literal(false, 'only false is supported').nullish(),
    })
    .optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: z.number().int().min(-1).max(1_000_000).optional(),
  min_p: z.number().min(0).max(1).optional(),
  // Metadata of the client's that cannot change an answer: accepted and not used.
  user: z.string().max(4_096).optional(),
  metadata: fewEntries(MOST_METADATA).pipe(z.record(z.string(), z.string())).optional(),
  safety_identifier: z.string().max(4_096).optional(),
  prompt_cache_key: z.string().max(4_096).optional(),
  prompt_cache_retention: z.string().max(64).optional(),
}
