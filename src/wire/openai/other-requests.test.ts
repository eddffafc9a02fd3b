import { describe, expect, it } from 'vitest'
import { parseCompletionRequest, promptsOf } from './completions.ts'
import { encodeEmbedding, inputsOf, parseEmbeddingRequest } from './embeddings.ts'
import { parseUsageComment, usageComment } from './sse.ts'

const refused = (param: string) => expect.objectContaining({ status: 400, body: { error: expect.objectContaining({ param }) } })

describe('completion requests', () => {
  it.each([
    ['a text', 'a', ['a']],
    ['texts', ['a', 'b'], ['a', 'b']],
    ['tokens', [1, 2], [[1, 2]]],
    ['several of tokens', [[1], [2, 3]], [[1], [2, 3]]],
  ])('reads %s', (_, prompt, prompts) => {
    expect(promptsOf(parseCompletionRequest({ model: 'm', prompt }))).toEqual(prompts)
  })

  it.each<[Record<string, unknown>, string]>([
    [{ prompt: [] }, 'prompt'],
    [{ prompt: [1, 'a'] }, 'prompt[1]'],
    [{ prompt: ['a'], n: 129 }, 'n'],
    [{ prompt: Array.from({ length: 100 }, String), n: 2 }, 'n'],
    [{ best_of: 2 }, 'best_of'],
    [{ echo: true }, 'echo'],
    [{ suffix: 'x' }, 'suffix'],
    [{ logprobs: 6 }, 'logprobs'],
    [{ logprobs: true }, 'logprobs'],
    [{ messages: [] }, 'messages'],
    [{ stream_options: {} }, 'stream_options'],
  ])('refuses %j', (over, param) => {
    expect(() => parseCompletionRequest({ model: 'm', prompt: 'a', ...over })).toThrow(refused(param))
  })
})

describe('embedding requests', () => {
  it('reads texts and tokens', () => {
    expect(inputsOf(parseEmbeddingRequest({ model: 'm', input: 'a' }))).toEqual(['a'])
    expect(inputsOf(parseEmbeddingRequest({ model: 'm', input: [1, 2] }))).toEqual([[1, 2]])
    expect(inputsOf(parseEmbeddingRequest({ model: 'm', input: [[1], [2]] }))).toEqual([[1], [2]])
  })

  it.each<[Record<string, unknown>, string]>([
    [{ input: '' }, 'input'],
    [{ input: ['a', ''] }, 'input[1]'],
    [{ input: Array.from({ length: 2_049 }, () => 'a') }, 'input'],
    [{ encoding_format: 'hex' }, 'encoding_format'],
    [{ dimensions: 0 }, 'dimensions'],
    [{ truncate: true }, 'truncate'],
  ])('refuses %.60j', (over, param) => {
    expect(() => parseEmbeddingRequest({ model: 'm', input: 'a', ...over })).toThrow(refused(param))
  })

  it('encodes vectors as OpenAI does', () => {
    expect(encodeEmbedding([1, -0.5], 'float')).toEqual([1, -0.5])
    expect(encodeEmbedding([1, -0.5], 'base64')).toBe('AACAPwAAAL8=')
  })
})

it('reads back the count that it writes, and nothing else', () => {
  const counts = { prompt_tokens: 3, completion_tokens: 2, cached_tokens: 1 }
  expect(parseUsageComment(usageComment(counts).trimEnd())).toEqual(counts)
  expect(parseUsageComment(': keep-alive')).toBeUndefined()
})
