/** A command on a terminal, as a person has it: Python's `pty` makes one; what is typed goes in, what would be seen comes out. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cleanEnvironment, mainFile, nodeFlags } from './system.ts'

export interface PseudoTerminal {
  type(text: string): void
  /** As when a person drags the window's corner. */
  resize(columns: number, rows: number): void
  /** Everything that was drawn, control sequences included. */
  screen(): string
  /** Waits until what was drawn after the last `until` matches; returns it. */
  until(pattern: RegExp, timeoutMs?: number): Promise<string>
  /** Exit code of the command. */
  readonly exited: Promise<number>
  end(): void
}

const SCRIPT = `import os, pty, sys
os.environ['TERM'] = 'xterm-256color'
sys.exit(os.waitstatus_to_exitcode(pty.spawn(['sh', '-c', 'tty > "$0"; stty cols 100 rows 30; exec "$@"'] + sys.argv[1:])))`

export function onTerminal(args: readonly string[], home: string, env: Record<string, string> = {}): PseudoTerminal {
  const folder = mkdtempSync(join(tmpdir(), 'strata-terminal-'))
  const device = join(folder, 'tty')
  const child = spawn('python3', ['-c', SCRIPT, device, process.execPath, ...nodeFlags, mainFile, ...args], {
    env: { ...cleanEnvironment(), STRATA_HOME: home, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let drawn = ''
  let seen = 0
  child.stdout.on('data', (chunk: Buffer) => (drawn += chunk))
  child.stderr.on('data', (chunk: Buffer) => (drawn += chunk))
  child.stdin.on('error', () => undefined) // what is typed after the end reaches nobody
  const exited = new Promise<number>((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => {
      rmSync(folder, { recursive: true, force: true })
      done(code ?? -1)
    })
  })
  return {
    type: (text) => void child.stdin.write(text),
    resize(columns, rows) {
      const flag = process.platform === 'linux' ? '-F' : '-f'
      const path = readFileSync(device, 'utf8').trim()
      execFileSync('stty', [flag, path, 'cols', String(columns), 'rows', String(rows)])
    },
    screen: () => drawn,
    async until(pattern, timeoutMs = 20_000) {
      const end = performance.now() + timeoutMs
      for (;;) {
        const match = pattern.exec(drawn.slice(seen))
        if (match) {
          const text = drawn.slice(seen, seen + match.index + match[0].length)
          seen += match.index + match[0].length
          return text
        }
        if (performance.now() > end || child.exitCode !== null) throw new Error(`${pattern} did not appear:\n${drawn}`)
        await sleep(20)
      }
    },
    exited,
    end: () => void child.kill('SIGKILL'),
  }
}
