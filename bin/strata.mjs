#!/usr/bin/env node
// Finds the Node that runs Strata (this one when it is 24 or newer, else the pinned one) and hands over to the command line.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const pinned = join(root, '.runtime', 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
const ownIsEnough = Number(process.versions.node.split('.')[0]) >= 24
const node = ownIsEnough ? process.execPath : pinned

if (!existsSync(node) || !existsSync(join(root, 'node_modules'))) {
  process.stderr.write('Strata is not set up here yet. Run `npm start` once in its folder; it installs what is needed.\n')
  process.exit(1)
}

const raw = process.argv[2] === '--node' // development: run a script under the same Node
const args = raw ? process.argv.slice(3) : [join(root, 'src', 'cli', 'main.ts'), ...process.argv.slice(2)]
const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) =>
  process.exit(signal ? 128 + ({ SIGINT: 2, SIGTERM: 15, SIGKILL: 9, SIGHUP: 1 }[signal] ?? 0) : (code ?? 1)),
)
