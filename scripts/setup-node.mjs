// Which Node runs Strata, and how the command line is handed to it. Shared by `npm start`, `npm test` and `bin/strata.mjs`.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import * as module from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const NEEDED_MAJOR = 24
const FLAGS = ['--disable-warning=ExperimentalWarning']

/** The version that `scripts/runtime` pins. */
export function pinnedVersion() {
  return JSON.parse(readFileSync(join(root, 'scripts', 'runtime', 'package.json'), 'utf8')).dependencies.node
}

/** This Node when it is new enough, else where the pinned one is (or will be). */
export function nodeToUse() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return { path: process.execPath, own: true, present: true }
  const path = join(root, '.runtime', 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return { path, own: false, present: existsSync(path) }
}

/**
 * Runs `args` (a file of this repository and its arguments) under `node`: in this process when it is the same Node, else in a child whose
 * exit is ours. `header` tells it that the program's name is on the screen already.
 */
export async function handOver(node, [file, ...args], { header = false } = {}) {
  const path = join(root, file)
  if (header) process.env.STRATA_HEADER_PRINTED = '1'
  // What was compiled (and stripped of its types) once is not compiled again: a third of a second at each start. Children inherit it.
  process.env.NODE_COMPILE_CACHE ??= join(root, '.runtime', 'compile-cache')
  if (node.own) {
    silenceExperimentalWarnings()
    module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE)
    process.argv = [process.argv[0], path, ...args]
    await import(pathToFileURL(path).href)
    return
  }
  const child = spawn(node.path, [...FLAGS, path, ...args], { stdio: 'inherit' })
  // A Ctrl-C of a terminal goes to the whole group, so the child has it already; without a terminal somebody meant this process.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      process.exitCode = signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)
      resolve()
    })
  })
  process.exit()
}

/** What --disable-warning=ExperimentalWarning does, for a process that is running already. */
function silenceExperimentalWarnings() {
  const emit = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : (rest[0]?.type ?? warning?.name)
    if (type !== 'ExperimentalWarning') emit.call(process, warning, ...rest)
  }
}
