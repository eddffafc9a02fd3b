/** A peer as a child of the test: started, watched until it answers, stopped by its pid; what it says is kept for the error. */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PeerOptions {
  /** For messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Its whole environment; the PATH is ours where this names none. */
  readonly env: Readonly<Record<string, string>>
  /** Asked over and over; a rejection counts as "not yet". */
  readonly ready: () => Promise<boolean>
  /** How long the start may take. Default 60 s. */
  readonly startTimeoutMs?: number
  /** Its children are to go with it: it leads a process group, and signals go to the group. */
  readonly group?: boolean
}

export interface PeerProcess {
  readonly pid: number
  /** All that it has printed. */
  output(): string
  /** SIGTERM, and SIGKILL where that is not heeded for 10 s; `SIGKILL` at once is a crash. Resolves when it is gone; may be called twice. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export async function startPeer(options: PeerOptions): Promise<PeerProcess> {
  const { name, command, args, cwd, ready, startTimeoutMs = 60_000, group = false } = options
  const env = { PATH: process.env.PATH, LANG: 'C.UTF-8', ...options.env }
  const child = spawn(command, args, { cwd, env, detached: group, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  let over: string | undefined
  const ended = new Promise<void>((done) => {
    child.once('error', (error) => {
      over ??= String(error)
      done()
    })
    child.once('exit', (code, signal) => {
      over ??= `it ended with ${code ?? signal}`
      done()
    })
  })
  const pid = child.pid ?? 0
  const send = (signal: NodeJS.Signals) => {
    if (!pid) return
    try {
      process.kill(group ? -pid : pid, signal)
    } catch {
      // Nobody is left to hear it.
    }
  }
  // The last resort where a test run ends without its hooks.
  const kill = () => send('SIGKILL')
  process.once('exit', kill)
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    if (over === undefined) {
      send(signal)
      const late = setTimeout(kill, 10_000)
      await ended
      clearTimeout(late)
    }
    if (group && pid) await emptied(pid)
    process.off('exit', kill)
  }
  const deadline = performance.now() + startTimeoutMs
  while (over === undefined && performance.now() < deadline) {
    if (await ready().catch(() => false)) return { pid, output: () => said, stop }
    await Promise.race([ended, sleep(100)])
  }
  const reason = over ?? `no answer in ${startTimeoutMs / 1000} s`
  await stop('SIGKILL')
  throw new Error(`${name} did not start (${reason}): ${said || 'it said nothing'}`)
}

/** Ends what is left of a process group; its ports are free then. */
async function emptied(group: number): Promise<void> {
  const deadline = performance.now() + 5_000
  try {
    for (; performance.now() < deadline; await sleep(20)) process.kill(-group, 'SIGKILL')
  } catch {
    // Nobody is in it any more.
  }
}

/** Whether a GET is answered with 2xx. */
export async function answers(url: string, headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) })
  await answer.arrayBuffer()
  return answer.ok
}
