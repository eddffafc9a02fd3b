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

/** Nobody says how long a drain may take: the supervisor is gone, or a signal went by it. */
const UNTOLD_TIMEOUT_MS = 30_000

/**
 * `drain` is called once; the process exits when its promise settles. A second SIGTERM, or `timeoutMs` running out, ends it at once.
 * `aloneTimeoutMs` is asked when a signal comes and there is no supervisor: then the drain may take as long as the process itself says.
 */
export function runAsChild(
  drain: (timeoutMs: number, why: 'told' | 'orphaned') => Promise<void>,
  aloneTimeoutMs: () => number | undefined = () => undefined,
): ChildHandle {
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
  const signalled = () => begin((hasChannel ? undefined : aloneTimeoutMs()) ?? UNTOLD_TIMEOUT_MS, 'told')
  const send = (message: FromChild) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
  }
  process.on('message', (message: ToChild) => {
    if (message.type === 'drain') begin(message.timeoutMs, 'told')
  })
  process.on('disconnect', () => begin(UNTOLD_TIMEOUT_MS, 'orphaned'))
  process.on('SIGTERM', () => (draining ? process.exit(143) : signalled()))
  process.on('SIGINT', () => {
    if (hasChannel) return
    if (draining) process.exit(130)
    signalled()
  })
  return { ready: () => send({ type: 'ready' }), failed: (message) => send({ type: 'failed', message }) }
}
