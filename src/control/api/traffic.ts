/** The last minute's traffic: now, or an event a second. */
import type { FastifyInstance } from 'fastify'
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
}
