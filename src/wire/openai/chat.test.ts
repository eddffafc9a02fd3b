import { describe, expect, it } from 'vitest'
import { parseChatRequest } from './chat.ts'
import { RequestRefused } from './refusal.ts'
import { parseJsonBody } from './request.ts'

const minimal = { model: 'assistant', messages: [{ role: 'user', content: 'Hi' }] }
const tool = { type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }

function refusal(over: Record<string, unknown>) {
  try {
    parseChatRequest({ ...minimal, ...over })
  } catch (error) {
    if (error instanceof RequestRefused) return { status: error.status, ...error.body.error }
    throw error
  }
  throw new Error('it was accepted')
}

describe('chat requests', () => {
  it.each<[string, Record<string, unknown>]>([
    ['nothing but model and messages', {}],
    ['null for absent', { temperature: null, tools: null, stop: null, response_format: null, audio: null, logit_bias: null }],
    [
      'metadata that cannot change an answer',
      { user: 'u', metadata: { a: 'b' }, safety_identifier: 's', prompt_cache_key: 'k', store: false },
    ],
    ['the only value of what we do not have', { service_tier: 'auto', modalities: ['text'], verbosity: 'medium' }],
    [
      'every sampling parameter',
      { temperature: 0, top_p: 0.5, top_k: 40, min_p: 0.1, seed: -5, frequency_penalty: -2, presence_penalty: 2 },
    ],
    ['stops', { stop: ['a', 'b'] }],
    ['log-probabilities', { logprobs: true, top_logprobs: 20 }],
    ['stream options', { stream: true, stream_options: { include_usage: true, include_obfuscation: false } }],
    ['tools', { tools: [tool], tool_choice: { type: 'function', function: { name: 'look_up' } }, parallel_tool_calls: false }],
    ['text parts', { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }], name: 'ann' }] }],
    [
      'a conversation with tool results, as the clients send it back',
      {
        messages: [
          { role: 'developer', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
          {
            role: 'assistant',
            content: null,
            refusal: null,
            annotations: [],
            audio: null,
            function_call: null,
            parsed: null,
            tool_calls: [{ id: 'c1', type: 'function', index: 0, function: { name: 'look_up', arguments: '{}', parsed_arguments: null } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'found' },
        ],
      },
    ],
  ])('takes %s', (_, over) => {
    expect(parseChatRequest({ ...minimal, ...over })).toMatchObject({ model: 'assistant' })
  })

  it.each<[Record<string, unknown>, string, string]>([
    [{ model: undefined }, 'model', 'missing_required_parameter'],
    [{ model: 5 }, 'model', 'invalid_type'],
    [{ messages: undefined }, 'messages', 'missing_required_parameter'],
    [{ messages: 'Hi' }, 'messages', 'invalid_type'],
    [{ messages: [] }, 'messages', 'invalid_value'],
    [{ messages: [null] }, 'messages[0]', 'invalid_type'],
    [{ messages: [{ role: 'king', content: 'x' }] }, 'messages[0].role', 'invalid_value'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', 'missing_required_parameter'],
    [{ messages: [{ role: 'user', content: 1 }] }, 'messages[0].content', 'invalid_value'],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', 'missing_required_parameter'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages[0].content[0]', 'unsupported_parameter'],
    [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'messages[0].content[0]', 'unsupported_parameter'],
    [{ messages: [{ role: 'user', content: 'x', mood: 1 }] }, 'messages[0].mood', 'unknown_parameter'],
    [{ messages: [{ role: 'function', name: 'f', content: 'x' }] }, 'messages[0].role', 'invalid_value'],
    [{ messages: [{ role: 'tool', tool_call_id: 'c9', content: 'x' }] }, 'messages[0].tool_call_id', 'invalid_value'],
    [{ moods: 1 }, 'moods', 'unknown_parameter'],
    [{ constructor: 1 }, 'constructor', 'unknown_parameter'],
    [{ functions: [] }, 'functions', 'unsupported_parameter'],
    [{ audio: { voice: 'x' } }, 'audio', 'unsupported_parameter'],
    [{ modalities: ['text', 'audio'] }, 'modalities', 'unsupported_parameter'],
    [{ store: true }, 'store', 'unsupported_parameter'],
    [{ service_tier: 'flex' }, 'service_tier', 'unsupported_parameter'],
    [{ reasoning_effort: 'high' }, 'reasoning_effort', 'unsupported_parameter'],
    [{ web_search_options: {} }, 'web_search_options', 'unsupported_parameter'],
    [{ prediction: {} }, 'prediction', 'unsupported_parameter'],
    [{ temperature: '1' }, 'temperature', 'invalid_type'],
    [{ temperature: 2.1 }, 'temperature', 'invalid_value'],
    [{ top_p: 0 }, 'top_p', 'invalid_value'],
    [{ n: 0 }, 'n', 'invalid_value'],
    [{ n: 1e9 }, 'n', 'invalid_value'],
    [{ seed: 1.5 }, 'seed', 'invalid_type'],
    [{ max_tokens: -1 }, 'max_tokens', 'invalid_value'],
    [{ stop: [''] }, 'stop[0]', 'invalid_value'],
    [{ stop: Array.from({ length: 50 }, () => 'x') }, 'stop', 'invalid_value'],
    [{ stop: 'x'.repeat(2_000) }, 'stop', 'invalid_value'],
    [{ logit_bias: { 5: 101 } }, 'logit_bias.5', 'invalid_value'],
    [{ logit_bias: { five: 1 } }, 'logit_bias.five', 'invalid_value'],
    [{ logit_bias: Object.fromEntries(Array.from({ length: 1_025 }, (_, i) => [i, 1])) }, 'logit_bias', 'invalid_value'],
    [{ top_logprobs: 3 }, 'top_logprobs', 'invalid_value'],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs', 'invalid_value'],
    [{ stream_options: { include_usage: true } }, 'stream_options', 'invalid_value'],
    [{ stream: true, stream_options: { include_obfuscation: true } }, 'stream_options.include_obfuscation', 'invalid_value'],
    [{ response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value'],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema', 'missing_required_parameter'],
    [{ tools: [{ type: 'custom', custom: {} }] }, 'tools[0].type', 'invalid_value'],
    [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'tools[0].function.name', 'invalid_value'],
    [{ tools: [tool, tool] }, 'tools[1].function.name', 'invalid_value'],
    [{ tools: Array.from({ length: 129 }, () => tool) }, 'tools', 'invalid_value'],
    [{ tool_choice: 'auto' }, 'tool_choice', 'invalid_value'],
    [{ tools: [tool], tool_choice: { type: 'function', function: { name: 'other' } } }, 'tool_choice', 'invalid_value'],
    [{ tools: [tool], tool_choice: 'always' }, 'tool_choice', 'invalid_value'],
  ])('refuses %j', (over, param, code) => {
    expect(refusal(over)).toMatchObject({ status: 400, type: 'invalid_request_error', param, code })
  })

  it('refuses absurd sizes in a moment', () => {
    const start = performance.now()
    refusal({ logit_bias: Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [i, 1])) })
    refusal({ stop: Array.from({ length: 200_000 }, String) })
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('bodies', () => {
  it('takes the last of two equal keys, as JSON.parse does', () => {
    expect(parseJsonBody('{"a":1,"a":2}')).toEqual({ a: 2 })
  })

  it.each([
    ['', 'invalid_json', null],
    ['{', 'invalid_json', null],
    ['[]', 'invalid_json', null],
    ['null', 'invalid_json', null],
    ['"text"', 'invalid_json', null],
    [`{"tools":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 'invalid_value', 'tools'],
    [`{"a":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 'invalid_value', 'a'],
  ])('refuses %.20s', (text, code, param) => {
    expect(() => parseJsonBody(text)).toThrow(
      expect.objectContaining({ status: 400, body: { error: expect.objectContaining({ code, param }) } }),
    )
  })
})
