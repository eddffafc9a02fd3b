/** A time as people say it, the exact one on hover. One clock for the whole page ticks them all. */
import { useSyncExternalStore } from 'react'
import { ago } from '../shell/format.ts'

const TICK_MS = 1_000
const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** `at`: milliseconds since the epoch, or ISO 8601. `ahead`: it lies in the future ("in 3 d"). */
export function Ago({ at, ahead = false }: { at: number | string; ahead?: boolean }) {
  useSyncExternalStore(subscribe, () => now)
  const time = typeof at === 'number' ? at : Date.parse(at)
  if (!Number.isFinite(time)) return <span>–</span>
  const exact = new Date(time)
  return (
    <time dateTime={exact.toISOString()} title={exact.toLocaleString()} className="ago">
      {ahead ? `in ${ago(2 * Date.now() - time).replace(/ ago$/, '')}` : ago(time)}
    </time>
  )
}
