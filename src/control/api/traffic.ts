/** What goes on: the last minute's traffic (an event a second) and the requests themselves. */
import type { FastifyInstance } from 'fastify'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { ControlContext } from '../context.ts'
import { openStream, wantsEvents } from './streams.ts'

export function registerTraffic(api: FastifyInstance, context: ControlContext): void {
  const { records } = context
  const watchers = new Set<(text: unknown) => void>()
  let timer: NodeJS.Timeout | undefined

  api.get('/traffic', (request, reply) => {
    if (!wantsEvents(request)) return records.traffic()
    const stream = openStream(request, reply, context.closing)
    const send = (event: unknown) => stream.send(event)
    send(records.traffic())
    watchers.add(send)
    // Computed once a second however many watch, and not at all when nobody does.
    timer ??= setInterval(() => {
      const event = records.traffic()
      for (const watcher of watchers) watcher(event)
    }, 1_000)
    stream.closed.addEventListener('abort', () => {
      watchers.delete(send)
      if (watchers.size > 0) return
      clearInterval(timer)
      timer = undefined
    })
    return reply
  })

  api.get('/requests', (request, reply) => {
    const query = request.query as Record<string, string | undefined>
    const matches = recordFilter(query)
    const limit = Math.min(2_000, Math.max(0, Number(query.limit ?? 100) || 0))
    const follow = query.follow === 'true'
    const stream = openStream(
      request,
      reply,
      context.closing,
      follow ? () => ({ type: 'alive', time: new Date(context.clock.now()).toISOString() }) : undefined,
    )
    const found = records.recent().filter(matches)
    for (const record of limit === 0 ? [] : found.slice(-limit)) stream.send(record)
    if (!follow) reply.raw.end()
    else {
      const stop = records.subscribe((record) => {
        if (matches(record)) stream.send(record)
      })
      stream.closed.addEventListener('abort', stop)
    }
    return reply
  })
}

/** `route`, `version` (assigned or served), `consumer`, `outcome`, `namespace`, `type`, `id`: all that are given must match. */
export function recordFilter(query: Readonly<Record<string, string | undefined>>): (record: RequestRecord) => boolean {
  const { type, id, namespace, route, version, consumer, outcome } = query
  return (record) =>
    (type === undefined || record.type === type) &&
    (id === undefined || record.id === id) &&
    (namespace === undefined || record.namespace === namespace) &&
    (route === undefined || record.route === route) &&
    (consumer === undefined || record.consumer === consumer) &&
    (version === undefined || record.assigned === version || (record.type === 'finished' && record.served === version)) &&
    (outcome === undefined || (record.type === 'finished' && record.outcome === outcome))
}
