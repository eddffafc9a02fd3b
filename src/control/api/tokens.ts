/** Tokens of the control API, for programs and for other people. The secret is shown once. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import { randomBase62 } from '../../kernel/ids.ts'
import { ROLES, type Role } from '../../store/index.ts'
import type { ControlContext } from '../context.ts'

export function registerTokens(api: FastifyInstance, context: ControlContext): void {
  const { identity } = context.store

  api.get('/tokens', { config: { role: 'admin' } }, async () => ({ items: await identity.listTokens() }))

  api.post('/tokens', { config: { role: 'admin' } }, async (request, reply) => {
    const { name, role, expires } = (request.body ?? {}) as { name?: unknown; role?: unknown; expires?: unknown }
    if (!isPersonName(name))
      throw new StrataError('invalid_request', 'The body needs `name`: up to 64 letters, digits, ".", "@", "_", "-".')
    const expiresAt = expires === undefined ? undefined : typeof expires === 'string' ? Date.parse(expires) : Number.NaN
    if (Number.isNaN(expiresAt)) throw new StrataError('invalid_request', '`expires` is not a date or time (RFC 3339).')
    const secret = `strata-token-${randomBase62(40)}`
    await identity.addToken(secret, { name, role: readRole(role), expiresAt }, request.caller.actor)
    return reply.code(201).send({ secret, name, role })
  })

  api.delete('/tokens/:name', { config: { role: 'admin' } }, async (request) => {
    const { name } = request.params as { name: string }
    if (!(await identity.removeToken(name, request.caller.actor)))
      throw new StrataError('not_found', `There is no token ${JSON.stringify(name)}.`)
    return { name }
  })
}

/** What somebody, or a program, is called in the audit log. */
export const isPersonName = (name: unknown): name is string => typeof name === 'string' && /^[\w.@-]{1,64}$/.test(name)

export function readRole(role: unknown): Role {
  if (ROLES.includes(role as Role)) return role as Role
  throw new StrataError('invalid_request', `\`role\` is one of ${ROLES.join(', ')}.`)
}
