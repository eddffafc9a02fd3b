/** Load that goes on beside what a test does, and ends with it. */
import { onTestFinished } from 'vitest'

/**
 * So many askers at the same time, each asks again as soon as it has its answer, until told to stop or until the test that calls this is over:
 * one that fails leaves no load on those after it. What an asker throws ends it, and is thrown by `stop`.
 */
export function keepAsking(askers: number, ask: () => Promise<unknown>): { stop(): Promise<void> } {
  let running = true
  onTestFinished(() => {
    running = false
  })
  const all = Array.from({ length: askers }, async () => {
    while (running) await ask()
  })
  const settled = Promise.allSettled(all)
  return {
    async stop() {
      running = false
      await settled
      await Promise.all(all)
    },
  }
}
