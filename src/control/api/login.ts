/** The console's door: one-time links, sessions, and who is logged in. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import { randomBase62 } from '../../kernel/ids.ts'
import { sessionId } from '../../store/index.ts'
import type { ControlContext } from '../context.ts'
import { readCookie, SESSION_DAYS, sessionCookie, setSessionCookie } from '../identify.ts'
import { page } from '../page.ts'
import { PREFIX } from '../reply.ts'
import { isPersonName, readRole } from './tokens.ts'

/** Long enough for a terminal that waits over a working day. */
const LINK_MS = 24 * 3_600_000
const DAY_SECONDS = 86_400

export function registerLogin(app: FastifyInstance, context: ControlContext): void {
  const { identity } = context.store

  app.get('/login', async (request, reply) => {
    const link = (request.query as { t?: string }).t
    reply.type('text/html; charset=utf-8').header('cache-control', 'no-store')
    // A browser that only looks ahead must not use the link up.
    if (/prefetch|prerender/.test(String(request.headers['sec-purpose'] ?? request.headers.purpose ?? ''))) return reply.code(204).send()
    const session = randomBase62(43)
    const seconds = SESSION_DAYS * DAY_SECONDS
    const opened = link === undefined ? undefined : await identity.openLoginLink(link, session, context.clock.latest() + seconds * 1000)
    if (!opened)
      return reply
        .code(link === undefined ? 200 : 403)
        .send(
          page(
            'Log in',
            `<p>${link === undefined ? '' : 'This link was used before or has expired. '}Type this in a terminal, it opens the console with a fresh link:</p><pre>strata login</pre>`,
          ),
        )
    // A page of ours that goes on by itself, and no redirect: after a click on a link elsewhere the strict cookie would not be sent on one.
    return reply
      .header('set-cookie', setSessionCookie(context.listen, session, seconds))
      .send(page('Logged in', '<p><a href="/">To the console</a></p>', '/'))
  })

  app.post(`${PREFIX}/login-links`, { config: { role: 'admin' } }, async (request, reply) => {
    const { role, name } = (request.body ?? {}) as { role?: unknown; name?: unknown }
    if (name !== undefined && !isPersonName(name))
      throw new StrataError('invalid_request', '`name` is up to 64 letters, digits, ".", "@", "_", "-".')
    const secret = randomBase62(43)
    await identity.addLoginLink(secret, { role: readRole(role ?? 'admin'), expiresAt: context.clock.latest() + LINK_MS, name })
    return reply.code(201).send({ url: `${context.consoleUrl}/login?t=${secret}` })
  })

  app.get(`${PREFIX}/session`, (request) => {
    const { actor, role, by } = request.caller
    return { actor, role, by }
  })

  app.get(`${PREFIX}/sessions`, { config: { role: 'admin' } }, async (request) => {
    const cookie = readCookie(request.headers.cookie, sessionCookie(context.listen))
    const own = cookie === undefined ? undefined : sessionId(cookie)
    return { items: (await identity.listSessions()).map((session) => ({ ...session, own: session.id === own })) }
  })

  app.delete(`${PREFIX}/sessions/:id`, { config: { role: 'admin' } }, async (request) => {
    const { id } = request.params as { id: string }
    if (!(await identity.revokeSession(id, request.caller.actor)))
      throw new StrataError('not_found', `There is no session ${JSON.stringify(id)}.`, { advice: 'It has ended already.' })
    return { id }
  })

  app.post(`${PREFIX}/logout`, { config: { role: 'viewer' } }, async (request, reply) => {
    const session = readCookie(request.headers.cookie, sessionCookie(context.listen))
    if (session !== undefined) await identity.endSession(session)
    return reply
      .header('set-cookie', setSessionCookie(context.listen, '', 0))
      .code(204)
      .send()
  })
}
