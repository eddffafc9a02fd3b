#!/usr/bin/env node
// `npm run gpu [-- cuda|vulkan]`: brings the GPU build of node-llama-cpp that a plain install leaves out (hundreds of megabytes), in the version
// that is installed, through npm itself. The stand-in in node_modules/@node-llama-cpp is replaced; `npm ci` puts it back.
// Without an argument: CUDA where nvidia-smi answers, else Vulkan. macOS has Metal in the plain install.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './setup-node.mjs'
import { createProgress } from './setup-progress.mjs'

const BUILDS = {
  'linux-x64': { cuda: ['linux-x64-cuda', 'linux-x64-cuda-ext'], vulkan: ['linux-x64-vulkan'] },
  'win32-x64': { cuda: ['win-x64-cuda', 'win-x64-cuda-ext'], vulkan: ['win-x64-vulkan'] },
}

const fail = (message) => {
  process.stderr.write(`  ✗ ${message}\n`)
  process.exit(1)
}

const library = join(root, 'node_modules', 'node-llama-cpp', 'package.json')
if (!existsSync(library)) fail('Nothing is installed here yet. Run `npm start` once, then this again.')
if (process.platform === 'darwin') fail('On macOS the plain install uses the GPU already (Metal). Set `gpu: auto` in the ModelVersion.')
const builds = BUILDS[`${process.platform}-${process.arch}`]
if (!builds) fail(`There is no GPU build for ${process.platform} ${process.arch}.`)

const hasNvidia = () => spawnSync('nvidia-smi', ['-L'], { stdio: 'ignore' }).status === 0
const wanted = process.argv[2] ?? (hasNvidia() ? 'cuda' : 'vulkan')
if (!(wanted in builds)) fail(`"${wanted}" is no GPU build. Say cuda or vulkan.`)

const { version } = JSON.parse(readFileSync(library, 'utf8'))
const folder = join(root, 'node_modules', '@node-llama-cpp')
const progress = createProgress()
try {
  for (const name of builds[wanted]) await progress.step(`@node-llama-cpp/${name} ${version}`, () => bring(name))
  console.log('\n  ModelVersions with `gpu: auto` use it from their next start on.')
} catch (error) {
  if (!error.shown) throw error
  process.exitCode = 1
}

async function bring(name) {
  const scratch = mkdtempSync(join(root, 'node_modules', '.gpu-'))
  try {
    await run('npm', ['pack', `@node-llama-cpp/${name}@${version}`, '--pack-destination', scratch, '--ignore-scripts', '--loglevel=error'])
    const packed = readdirSync(scratch).find((file) => file.endsWith('.tgz'))
    if (!packed) throw new Error('npm brought no package.')
    mkdirSync(join(scratch, 'out'))
    await run('tar', ['-xzf', join(scratch, packed), '-C', join(scratch, 'out')])
    // The stand-in is a link to scripts/no-gpu-build: the link goes, what it points at stays.
    rmSync(join(folder, name), { recursive: true, force: true })
    renameSync(join(scratch, 'out', 'package'), join(folder, name))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function run(file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      shell: process.platform === 'win32' && file === 'npm',
    })
    let said = ''
    child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-4_000)))
    child.once('error', (error) => reject(new Error(error.code === 'ENOENT' ? `${file} is not installed.` : error.message)))
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(said.trim() || `${file} ended with ${code}.`))))
  })
}
