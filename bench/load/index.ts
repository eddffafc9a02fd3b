/**
 * What the benches of the gateway share: the load and the fixed upstream (small C programs, compiled on the spot: a load generator that
 * costs more than what it measures measures itself), nginx as the peer, Strata as a whole system, and the CPU time of a process.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../test/harness/ports.ts'
import { type System, startSystem } from '../../test/harness/system.ts'

export interface LoadResult {
  readonly answered: number
  readonly errors: number
  /** Streams that came to their end. */
  readonly whole: number
  readonly seconds: number
  /** Milliseconds: of an answer, or of a stream's first event. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Upstream, nginx in front of it, Strata in front of it. */
export interface Field {
  readonly direct: Target
  readonly nginx: Target
  readonly strata: Target
  /** Runs the load against a target. `rate` only for `open`, requests a second. */
  load(mode: 'closed' | 'open' | 'streams', target: Target, connections: number, seconds: number, rate?: number): Promise<LoadResult>
  close(): Promise<void>
}

export interface Target {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** The request's bytes in a file. */
  readonly request: string
}

export interface FieldOptions {
  readonly stream: boolean
  /** Events of a stream, and milliseconds between them. */
  readonly events?: number
  readonly intervalMs?: number
}

const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx', '/usr/local/bin/nginx']

export async function openField(options: FieldOptions): Promise<Field> {
  if (process.platform !== 'linux') throw new Error('The gateway benches read /proc and use epoll: they run on Linux.')
  const binary = NGINX.find((path) => existsSync(path))
  if (!binary) throw new Error('nginx is not here. Install it (Debian: `apt-get install nginx-light`).')
  const folder = mkdtempSync(join(tmpdir(), 'strata-bench-'))
  const children: ChildProcess[] = []
  let system: System | undefined
  const close = async () => {
    await system?.stop()
    for (const child of children) child.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const program of ['upstream', 'load'])
      execFileSync('cc', ['-O2', '-o', join(folder, program), join(import.meta.dirname, `${program}.c`)], { stdio: 'inherit' })
    const [upstreamPort, nginxPort] = (await freePorts(2)) as [number, number]
    const begin = (command: string, args: string[]) => {
      const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
      children.push(child)
      return child
    }
    const upstream = begin(join(folder, 'upstream'), [String(upstreamPort), String(options.events ?? 1), String(options.intervalMs ?? 1)])
    writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, nginxPort, upstreamPort))
    const nginx = begin(binary, ['-p', folder, '-c', join(folder, 'nginx.conf')])
    system = await startSystem({ bootstrap: manifests(upstreamPort) })
    await Promise.all([upstreamPort, nginxPort].map(listening))
    const gateway = (await system.processes()).find(({ name }) => name === 'gateway-0')!.pid!

    const body = JSON.stringify({
      model: 'fixed',
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'What is the capital of France?' },
      ],
      max_tokens: 64,
      temperature: 0.2,
      stream: options.stream,
    })
    const target = (name: string, port: number, pid: number): Target => {
      const request = join(folder, `${name}.http`)
      writeFileSync(
        request,
        `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\naccept: */*\r\nauthorization: Bearer ${system!.apiKey}\r\n` +
          `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      return { name, port, pid, request }
    }
    return {
      direct: target('direct', upstreamPort, upstream.pid!),
      nginx: target('nginx', nginxPort, await workerOf(nginx.pid!)),
      strata: target('strata', Number(new URL(system.gatewayUrl).port), gateway),
      load: (mode, { port, request }, connections, seconds, rate) =>
        run(join(folder, 'load'), [mode, String(port), request, String(connections), String(seconds), ...(rate ? [String(rate)] : [])]),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A plain reverse proxy as one would write it for this upstream: kept connections, one worker, no log. */
function nginxConf(folder: string, port: number, upstream: number): string {
  return `daemon off; pid ${folder}/nginx.pid; error_log stderr; worker_processes 1;
events { worker_connections 32768; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream fixed { server 127.0.0.1:${upstream}; keepalive 4096; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://fixed; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s; }
  }
}`
}

/** Everything that a request may meet: a key, a limit of each sort, a route, a backend. */
function manifests(upstream: number): string {
  return `
apiVersion: strata.dev/v1alpha1
kind: Limit
metadata: { name: ample }
spec:
  per: key
  rules:
    - { requests: 1000000000, every: 1m }
    - { tokens: 100000000000, every: 1m }
    - { concurrent: 100000 }
---
apiVersion: strata.dev/v1alpha1
kind: Backend
metadata: { name: fixed }
spec: { protocol: openai, address: 'http://127.0.0.1:${upstream}/v1', maxConcurrent: 10000 }
---
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: fixed }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: fixed-v1 }
spec: { model: fixed, version: v1, source: { backend: { name: fixed, model: fixed } } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: fixed }
spec: { models: [fixed], targets: [{ version: fixed-v1, weight: 100 }], limits: [ample] }
`
}

async function listening(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (there) return
    await sleep(50)
  }
  throw new Error(`Nothing listens on port ${port}.`)
}

/** nginx's master only watches; its one worker does the work. */
async function workerOf(master: number): Promise<number> {
  for (let i = 0; i < 100; i++) {
    const children = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim()
    if (children) return Number(children.split(' ')[0])
    await sleep(50)
  }
  throw new Error('nginx has no worker.')
}

function run(command: string, args: string[]): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk))
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 ? resolve(JSON.parse(text) as LoadResult) : reject(new Error(`The load ended with ${code}: ${text}`)),
    )
  })
}

/**
 * Keeps idle cores awake until it is called again, so that a latency is not what this machine takes to wake one: of a virtual machine that
 * is up to 50 µs each time, and a request wakes somebody four times. cyclictest does the same; the kernel's interface is Documentation/admin-guide/pm
 * ("CPU latency QoS"). Undefined where that is not allowed.
 */
export function keepAwake(): (() => void) | undefined {
  try {
    const latency = openSync('/dev/cpu_dma_latency', 'w')
    writeSync(latency, Buffer.alloc(4)) // 0 µs, for as long as the file is open
    return () => closeSync(latency)
  } catch {
    return undefined
  }
}

/** CPU time that a process has used so far, all its threads, milliseconds (from the scheduler's own account, nanoseconds). */
export function cpuMs(pid: number): number {
  let sum = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // a thread that ended meanwhile
    }
  }
  return sum / 1e6
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
