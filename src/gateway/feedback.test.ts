import { describe, expect, it } from 'vitest'
import { parseFeedback } from './feedback.ts'

const request = 'req_01KB00000000000000000000AB'
const parse = (body: unknown) => parseFeedback(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))

describe('feedback', () => {
  it.each<[unknown, object]>([
    [
      { request, rating: 'up' },
      { score: 1, rated: 'up' },
    ],
    [
      { request, rating: 'down' },
      { score: 0, rated: 'down' },
    ],
    [{ request, score: 0.25 }, { score: 0.25 }],
    [
      { request, rating: 'up', score: 0.9 },
      { score: 0.9, rated: 'up' },
    ],
    [{ request, rating: null, score: 1, comment: null }, { score: 1 }],
    [
      { request, rating: 'down', comment: 'Not what I asked.' },
      { score: 0, rated: 'down', comment: 'Not what I asked.' },
    ],
    [
      { request, rating: 'up', comment: '' },
      { score: 1, rated: 'up' },
    ],
    [
      { request, rating: 'up', comment: 'é'.repeat(2_048) },
      { score: 1, rated: 'up', comment: 'é'.repeat(2_048) },
    ],
    [`{"request":"${request}","rating":"up","rating":"down"}`, { score: 0, rated: 'down' }],
    [`{"request":"${request}","score":-0}`, { score: 0 }],
  ])('%j is taken', (body, expected) => {
    expect(parse(body)).toEqual({ request, ...expected })
  })

  it.each<[string, unknown, string, string | undefined]>([
    ['nothing', '', 'empty_body', undefined],
    ['no JSON', '{', 'invalid_json', undefined],
    ['a list', [], 'invalid_json', undefined],
    ['null', 'null', 'invalid_json', undefined],
    ['no id', { rating: 'up' }, 'missing_required_parameter', 'request'],
    ['an id that is no text', { request: 1, rating: 'up' }, 'invalid_value', 'request'],
    ["a client's own id", { request: 'order-4711', rating: 'up' }, 'invalid_value', 'request'],
    ["the answer's own id", { request: 'chatcmpl-123', rating: 'up' }, 'invalid_value', 'request'],
    ['an id and more', { request: `${request}\n`, rating: 'up' }, 'invalid_value', 'request'],
    ['an id in small letters', { request: request.toLowerCase(), rating: 'up' }, 'invalid_value', 'request'],
    ['half of a character for an id', '{"request":"\\ud800","rating":"up"}', 'invalid_value', 'request'],
    ['neither rating nor score', { request, comment: 'Fine.' }, 'missing_required_parameter', 'rating'],
    ['another rating', { request, rating: 'good' }, 'invalid_value', 'rating'],
    ['a rating that is true', { request, rating: true }, 'invalid_value', 'rating'],
    ['a score above 1', { request, score: 1.01 }, 'invalid_value', 'score'],
    ['a score below 0', { request, score: -1e-320 }, 'invalid_value', 'score'],
    ['a score that is no double', `{"request":"${request}","score":1e999}`, 'invalid_value', 'score'],
    ['a score in words', { request, score: '1' }, 'invalid_value', 'score'],
    ['a comment that is no text', { request, rating: 'up', comment: ['Fine.'] }, 'invalid_type', 'comment'],
    ['a long comment', { request, rating: 'up', comment: 'é'.repeat(2_049) }, 'string_above_max_length', 'comment'],
    ['a field of another name', { request, rating: 'up', raiting: 'up' }, 'unknown_parameter', 'raiting'],
    ['__proto__', `{"request":"${request}","rating":"up","__proto__":{"score":1}}`, 'unknown_parameter', '__proto__'],
    ['constructor', { request, rating: 'up', constructor: 1 }, 'unknown_parameter', 'constructor'],
    ['much in an unknown field', `{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`, 'unknown_parameter', 'a'],
  ])('%s is refused', (_name, body, code, param) => {
    expect(parse(body)).toMatchObject({ status: 400, code, param, message: expect.stringMatching(/^[A-Z"].{9}/) })
  })

  it('says where the id is to be found', () => {
    expect(parse({ request: 'order-4711', rating: 'up' })).toMatchObject({ message: expect.stringContaining('x-strata-request-id') })
  })
})
