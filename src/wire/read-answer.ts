import type { z } from 'zod'
import { StrataError } from '../kernel/errors.ts'
import { isDeeperThan } from '../kernel/json-depth.ts'

const DEEPEST = 128

/** What another server has answered, by `schema`; throws an error that says where in `what` ("Its list of models") it is not as expected. */
export function readAnswer<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  if (isDeeperThan(DEEPEST, value)) throw new StrataError('invalid_answer', `${what} is nested more than ${DEEPEST} levels deep.`)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]!
  const place = path.length > 0 ? ` at ${path.map(String).join('.')}` : ''
  throw new StrataError('invalid_answer', `${what} is not as expected${place}: ${message}.`)
}
