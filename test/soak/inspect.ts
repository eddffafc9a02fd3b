/**
 * Looks into a running process as a debugger does. SIGUSR1 is Node's own door to its inspector, and --inspect-port=0 lets each process have a
 * free port; nothing of this is in the product.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Sample {
  /** After a collection: heap in use and memory outside of it (buffers, WebAssembly). */
  readonly bytes: number
  /** Sockets, timers, files, …: what an event loop waits for, by kind. */
  readonly resources: Readonly<Record<string, number>>
}

/** Of objects that are alive. */
export interface Census {
  readonly emitters: number
  readonly listeners: number
  readonly abortSignals: number
}

export interface Inspected {
  sample(): Promise<Sample>
  /** Walks the whole heap, which takes a good part of a second. */
  census(): Promise<Census>
  close(): void
}

/** `said`: everything that the process has written to its standard error so far; the address of its inspector appears there. */
export async function inspect(pid: number, said: () => string): Promise<Inspected> {
  const known = addressesIn(said()).length
  process.kill(pid, 'SIGUSR1')
  let address: string | undefined
  for (let i = 0; i < 200 && !address; i++) {
    await sleep(50)
    address = addressesIn(said())[known]
  }
  if (!address) throw new Error(`process ${pid} opened no inspector:\n${said()}`)
  return connect(address)
}

const addressesIn = (text: string) => [...text.matchAll(/Debugger listening on (ws:\S+)/g)].map((match) => match[1]!)

/** Runs in the process, as the next one does. */
const MEMORY = `(() => {
  const { heapUsed, external } = process.memoryUsage()
  const resources = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  return { bytes: heapUsed + external, resources }
})()`
const COUNT_LISTENERS = `function () {
  let listeners = 0
  for (const each of this) {
    if (each._events === undefined) continue // a prototype
    for (const name of each.eventNames()) listeners += each.listenerCount(name)
  }
  return { emitters: this.length, listeners }
}`

async function connect(address: string): Promise<Inspected> {
  const socket = new WebSocket(address)
  await new Promise<void>((done, fail) => {
    socket.addEventListener('open', () => done(), { once: true })
    socket.addEventListener('error', () => fail(new Error(`no inspector at ${address}`)), { once: true })
  })
  const waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>()
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as { id?: number }
    if (message.id !== undefined) waiting.get(message.id)?.(message as never)
  })
  let id = 0
  const call = <T>(method: string, params: Record<string, unknown> = {}): Promise<T> =>
    new Promise((done, fail) => {
      const mine = ++id
      waiting.set(mine, ({ result, error }) => {
        waiting.delete(mine)
        if (error) fail(new Error(`${method}: ${error.message}`))
        else done(result as T)
      })
      socket.send(JSON.stringify({ id: mine, method, params }))
    })
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await call<{ result: { value: T }; exceptionDetails?: { text: string } }>('Runtime.evaluate', {
      expression,
      returnByValue: true,
    })
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.text}`)
    return result.value
  }
  /** Calls `function_` on the array of all living objects with that prototype. */
  const living = async <T>(prototype: string, function_: string): Promise<T> => {
    const { result } = await call<{ result: { objectId: string } }>('Runtime.evaluate', { expression: prototype, objectGroup: 'soak' })
    const { objects } = await call<{ objects: { objectId: string } }>('Runtime.queryObjects', {
      prototypeObjectId: result.objectId,
      objectGroup: 'soak',
    })
    const counted = await call<{ result: { value: T } }>('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: function_,
      returnByValue: true,
    })
    await call('Runtime.releaseObjectGroup', { objectGroup: 'soak' })
    return counted.result.value
  }

  return {
    async sample() {
      // Twice: what a finalizer lets go of is collected by the second.
      await call('HeapProfiler.collectGarbage')
      await call('HeapProfiler.collectGarbage')
      return await evaluate<Sample>(MEMORY)
    },
    async census() {
      const counted = await living<Pick<Census, 'emitters' | 'listeners'>>(
        `process.getBuiltinModule('node:events').prototype`,
        COUNT_LISTENERS,
      )
      return { ...counted, abortSignals: await living<number>('AbortSignal.prototype', 'function () { return this.length }') }
    },
    close: () => socket.close(),
  }
}
