/** A runtime that is made when it is first needed: whoever has no Docker shall not hear that it is away. */
import type { Runtime } from './port.ts'

/** `now`: it is made at once, since there may be something of ours in it. */
export function lazyRuntime(make: () => Runtime, now: boolean): Runtime {
  let made: Runtime | undefined
  const listeners = new Map<() => void, (() => void) | undefined>()
  const it = (): Runtime => {
    if (made) return made
    made = make()
    for (const listener of listeners.keys()) listeners.set(listener, made.onChange(listener))
    return made
  }
  if (now) it()
  return {
    observe: async () => (made ? made.observe() : []),
    want: async (instances) => (made || instances.length > 0 ? it().want(instances) : undefined),
    restart: async (id) => made?.restart(id),
    logs: async (id, lines) => (made ? made.logs(id, lines) : []),
    onChange(listener) {
      listeners.set(listener, made?.onChange(listener))
      return () => {
        listeners.get(listener)?.()
        listeners.delete(listener)
      }
    },
    close: async () => made?.close(),
  }
}
