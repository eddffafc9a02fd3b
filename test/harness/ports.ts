/**
 * Ports for what a test starts. From below those that the system gives out by itself, where any connection and any server may come before their owner; each
 * test process has a part of its own, for two that ask at the same time would be given the same.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 20_000
const PARTS = 100
const PART = 120

const first = FIRST + (process.pid % PARTS) * PART
let given = 0

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 2 * PART) throw new Error(`None of the ports ${first} to ${first + PART - 1} is free.`)
    const port = first + (given++ % PART)
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
