/**
 * Are the ports free? Tried by an exclusive bind before anything starts: gateways listen with `reusePort`, and a second listener with it
 * would get no error; two systems would silently share one port.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { basename } from 'node:path'
import { StrataError, systemCode } from '../kernel/errors.ts'

export interface WantedPort {
  readonly host: string
  readonly port: number
  /** "port", "console-port": the flag that changes it. */
  readonly flag: string
  readonly variable: string
}

/** Throws `port_taken`, `port_forbidden` or `address_unavailable`, in words with what to do. */
export async function checkPorts(ports: readonly WantedPort[]): Promise<void> {
  const seen = new Set<number>()
  for (const wanted of ports) {
    if (seen.has(wanted.port))
      throw new StrataError('port_taken', `Gateway and console cannot both have port ${wanted.port}.`, {
        advice: `Change one with --${wanted.flag}.`,
      })
    seen.add(wanted.port)
    await checkPort(wanted)
  }
}

async function checkPort({ host, port, flag, variable }: WantedPort): Promise<void> {
  const remedy = `Start with --${flag} ${port + 100 > 65_535 ? port - 100 : port + 100}, or set ${variable}.`
  const code = await tryBind(host, port)
  if (code === undefined) {
    // Only Linux refuses a bind to 127.0.0.1 while another listens on every address.
    if (process.platform === 'linux' || !(await somebodyAnswers(host, port))) return
  } else if (code === 'EACCES') {
    throw new StrataError('port_forbidden', `Port ${port} may not be used by this user.`, { advice: remedy })
  } else if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    throw new StrataError('address_unavailable', `This machine has no address ${host}.`, {
      advice: 'Start with --host 127.0.0.1, or with an address that `ip addr` lists.',
    })
  } else if (code !== 'EADDRINUSE') {
    throw new StrataError('port_taken', `Port ${port} on ${host} cannot be used (${code}).`, { advice: remedy })
  }
  const owner = await portOwner(port)
  const by = owner ? ` by ${owner.name} (pid ${owner.pid})` : ''
  throw new StrataError('port_taken', `Port ${port} is taken${by}.`, { advice: remedy, details: owner })
}

function tryBind(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(systemCode(error) ?? 'unknown'))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

function somebodyAnswers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host, port, timeout: 500 })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
    socket.once('timeout', () => done(false))
  })
}

export interface PortOwner {
  readonly pid: number
  readonly name: string
}

/** Who listens on a TCP port, if this user may know it. */
export async function portOwner(port: number): Promise<PortOwner | undefined> {
  if (process.platform === 'linux') return linuxPortOwner(port)
  return lsofPortOwner(port)
}

/** The listening sockets' inodes stand in /proc/net/tcp; the process that has one open shows it under /proc/<pid>/fd. */
function linuxPortOwner(port: number): PortOwner | undefined {
  const sockets = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeningInodes(readText(file), port)).map((i) => `socket:[${i}]`),
  )
  if (sockets.size === 0) return undefined
  for (const entry of readFolder('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    for (const fd of readFolder(`/proc/${entry}/fd`)) {
      if (sockets.has(readLink(`/proc/${entry}/fd/${fd}`))) {
        // The program's file says more than the thread's name, which Node sets to "MainThread".
        const name = basename(readLink(`/proc/${entry}/exe`)) || readText(`/proc/${entry}/comm`).trim()
        return { pid: Number(entry), name: name || 'a process' }
      }
    }
  }
  return undefined
}

/** Inodes of the sockets that listen (state 0A) on `port`, from the text of /proc/net/tcp (proc(5)). */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes: string[] = []
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    if (fields[3] === '0A' && fields[1]?.endsWith(`:${wanted}`) && fields[9]) inodes.push(fields[9])
  }
  return inodes
}

function lsofPortOwner(port: number): Promise<PortOwner | undefined> {
  return new Promise((resolve) => {
    execFile('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], { timeout: 2_000 }, (error, stdout) => {
      const pid = /^p(\d+)$/m.exec(stdout)?.[1]
      if (error || !pid) return resolve(undefined)
      resolve({ pid: Number(pid), name: /^c(.+)$/m.exec(stdout)?.[1] ?? 'a process' })
    })
  })
}

// Other users' processes and those that have just ended cannot be read; for a courtesy in a message that is no error.
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
function readFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
