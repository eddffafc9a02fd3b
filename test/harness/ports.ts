/**
 * Ports for what a test starts. From below those that the system gives out by itself, where any connection and any server may come before their owner. Each
 * test process has a part of its own, for two that ask at the same time would be given the same: it is whose guard listens on the part's first port.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

const FIRST = 20_000
const PARTS = 100
const PART = 120

/** The first port of this process's part. */
let claimed: Promise<number> | undefined
let given = 0

export async function freePorts(count: number): Promise<number[]> {
  claimed ??= claim()
  const guard = await claimed
  const ports: number[] = []
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 2 * PART) throw new Error(`None of the ports ${guard + 1} to ${guard + PART - 1} is free.`)
    const port = guard + 1 + (given++ % (PART - 1))
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

/** Until this process ends. */
async function claim(): Promise<number> {
  for (let i = 0; i < PARTS; i++) {
    const port = FIRST + ((process.pid + i) % PARTS) * PART
    const guard = createServer()
    if (!(await listens(guard, port))) continue
    guard.unref()
    return port
  }
  throw new Error(`Somebody listens on every ${PART}th port from ${FIRST} on: too many tests run at the same time.`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  if (!(await listens(server, port))) return false
  server.close()
  await once(server, 'close')
  return true
}

async function listens(server: Server, port: number): Promise<boolean> {
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  }
}
