/** A thread of its own for one curve (curve-thread.ts). */
import { parentPort, workerData } from 'node:worker_threads'
import { type CurveJob, deriveCurve } from './curve.ts'

parentPort!.postMessage(deriveCurve(workerData as CurveJob))
