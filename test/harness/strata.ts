/** Runs one command of `strata` as a person would: a process of its own, what it printed, how it ended. */
import { spawn } from 'node:child_process'
import { cleanEnvironment, mainFile, nodeFlags } from './system.ts'

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export function strata(
  args: readonly string[],
  options: {
    home: string
    input?: string | Buffer
    env?: Record<string, string>
    timeoutMs?: number
    /** A program, with its arguments, that starts it: `prlimit`, `setpriv`. */
    through?: readonly string[]
  },
): Promise<CommandResult> {
  return new Promise((done, fail) => {
    const [program, ...rest] = [...(options.through ?? []), process.execPath, ...nodeFlags, mainFile, ...args]
    const child = spawn(program!, rest, {
      env: { ...cleanEnvironment(), STRATA_HOME: options.home, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk))
    child.once('error', fail)
    child.once('close', (code) => done({ code: code ?? -1, stdout, stderr }))
    child.stdin.on('error', () => undefined) // a command that reads nothing may be gone before it is written
    child.stdin.end(options.input ?? '')
  })
}
