import { expect, it } from 'vitest'
import { z } from 'zod'
import { readAnswer } from './read-answer.ts'

const schema = z.object({ models: z.array(z.object({ name: z.string() })) })

it('gives what the schema knows', () => {
  expect(readAnswer(schema, { models: [{ name: 'a', more: 1 }], more: 1 }, 'The list')).toEqual({ models: [{ name: 'a' }] })
})

it.each<[unknown, string]>([
  [
    { models: [{ name: 'a' }, { name: 5 }] },
    'The list is not as expected at models.1.name: Invalid input: expected string, received number.',
  ],
  ['text', 'The list is not as expected: Invalid input: expected object, received string.'],
  [JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)), 'The list is nested more than 128 levels deep.'],
])('says where an answer is wrong', (value, message) => {
  expect(() => readAnswer(schema, value, 'The list')).toThrow(expect.objectContaining({ code: 'invalid_answer', message }))
})
