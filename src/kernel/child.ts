/**
 * A process under the supervisor: says when it is ready, drains when it is told to or when the supervisor is gone.
 * Without an IPC channel (a container, a terminal) signals say the same: SIGTERM drains. SIGINT comes to the whole terminal group and is
 * the supervisor's to interpret, so a child with a channel ignores it.
 */
import type { FromChild, ToChild } from './supervision.ts'

export interface ChildHandle {
  ready(): void
  failed(message: string): void
}

/** `drain` is called once; the process exits when its promise settles. A second SIGTERM, or `timeoutMs` running out, ends it at once. */
export function runAsChild(drain: (timeoutMs: number, why: 'told' | 'orphaned') => Promise<void>, orphanTimeoutMs = 30_000): ChildHandle {
  let draining = false
  const begin = (timeoutMs: number, why: 'told' | 'orphaned') => {
    if (draining) return
    draining = true
    setTimeout(() => process.exit(0), timeoutMs + 1_000).unref()
    drain(timeoutMs, why).then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  const hasChannel = process.send !== undefined
  const send = (message: FromChild) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
  }
  process.on('message', (message: ToChild) => {
    if (message.type === 'drain') begin(message.timeoutMs, 'told')
  })
  process.on('disconnect', () => begin(orphanTimeoutMs, 'orphaned'))
  process.on('SIGTERM', () => (draining ? process.exit(143) : begin(orphanTimeoutMs, 'told')))
  process.on('SIGINT', () => {
    if (hasChannel) return
    if (draining) process.exit(130)
    begin(orphanTimeoutMs, 'told')
  })
  return { ready: () => send({ type: 'ready' }), failed: (message) => send({ type: 'failed', message }) }
}
