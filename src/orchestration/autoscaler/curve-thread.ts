/** Curves in a thread of their own, one after the other: each is a second of arithmetic, and control has requests to answer. */
import { Worker } from 'node:worker_threads'
import type { CurveJob, CurveResult } from './curve.ts'

export interface CurveThread {
  /** Rejects where the thread fails or takes longer than a minute, or with `close`. */
  derive(job: CurveJob): Promise<CurveResult>
  close(): Promise<void>
}

const LONGEST_MS = 60_000
const MOST_MEGABYTES = 512

export function createCurveThread(): CurveThread {
  let running: Worker | undefined
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  const inThread = (job: CurveJob) =>
    new Promise<CurveResult>((resolve, reject) => {
      if (closed) return reject(new Error('closed'))
      const worker = new Worker(new URL('./curve-worker.ts', import.meta.url), {
        workerData: job,
        resourceLimits: { maxOldGenerationSizeMb: MOST_MEGABYTES },
      })
      running = worker
      const late = setTimeout(() => {
        reject(new Error(`no curve within ${LONGEST_MS / 1000} s`))
        void worker.terminate()
      }, LONGEST_MS)
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => {
        clearTimeout(late)
        running = undefined
        reject(new Error('the thread ended without a curve')) // says nothing where there is one
      })
    })

  return {
    derive(job) {
      const curve = last.then(() => inThread(job))
      last = curve.catch(() => undefined) // the caller has the error
      return curve
    },
    async close() {
      closed = true
      await running?.terminate()
      await last
    },
  }
}
