/** The shape of an error of this API, and where the API lies. */
import type { FastifyReply } from 'fastify'
import type { StrataError } from '../kernel/errors.ts'

export const PREFIX = '/api/v1alpha1'

export function sendError(reply: FastifyReply, status: number, error: StrataError) {
  const { code, message, advice, details } = error
  return reply
    .code(status)
    .send({ error: { code, message, ...(advice === undefined ? {} : { advice }), ...(details === undefined ? {} : { details }) } })
}
