#!/usr/bin/env node
// `npm test`: all the set-up for the tests, then all the tests. Each check counts as one test; the last line is "N passed, N failed".
// Arguments go to vitest (`npm test -- src/gateway`), and then only vitest runs.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { setUp } from './setup.mjs'
import { root } from './setup-node.mjs'

const only = process.argv.slice(2)
const forbidSkips = process.env.CI === 'true'
const scratch = mkdtempSync(join(tmpdir(), 'strata-test-'))
const counts = { passed: 0, failed: 0, skipped: 0 }
const failures = []

try {
  const { node } = await setUp({ dev: true })
  // Child processes of tests that start "node" get this one too.
  process.env.PATH = `${dirname(node.path)}${delimiter}${process.env.PATH}`
  if (only.length === 0) {
    const bin = (name, file) => [node.path, join(root, 'node_modules', name, file)]
    await check('typecheck', [...bin('typescript', 'bin/tsc'), '-p', '.'])
    await check('typecheck of the console', [...bin('typescript', 'bin/tsc'), '-p', 'console'])
    await check('biome', [...bin('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.'])
    await check('imports', [node.path, '--disable-warning=ExperimentalWarning', 'scripts/check-imports.ts'])
    await check('generated files', [node.path, '--disable-warning=ExperimentalWarning', 'scripts/generate.ts', '--check'])
  }
  await vitest(node.path)
} catch (error) {
  if (!error.shown) process.stderr.write(`${error.stack ?? error}\n`)
  counts.failed++
  failures.push('set-up')
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

if (failures.length > 0) console.log(`\nFailed:\n${failures.map((name) => `  ${name}`).join('\n')}`)
if (forbidSkips && counts.skipped > 0) console.log(`\nCI allows no skipped tests: ${counts.skipped} were.`)
console.log(`\n${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`)
process.exitCode = counts.failed > 0 || counts.passed === 0 || (forbidSkips && counts.skipped > 0) ? 1 : 0

/** Runs a check that has one result. What it says is shown when it fails. */
async function check(name, command) {
  const since = performance.now()
  const { code, output } = await run(command, 'kept')
  const seconds = ((performance.now() - since) / 1000).toFixed(1)
  if (code === 0) {
    counts.passed++
    console.log(`  ✓ ${name.padEnd(44)} ${seconds.padStart(5)} s`)
  } else {
    counts.failed++
    failures.push(name)
    console.log(`  ✗ ${name.padEnd(44)} ${seconds.padStart(5)} s\n${output}`)
  }
}

async function vitest(node) {
  const report = join(scratch, 'vitest.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...only]
  const { code } = await run([node, join(root, 'node_modules', 'vitest', 'vitest.mjs'), ...args], 'shown')
  let result
  try {
    result = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    counts.failed++
    failures.push('vitest (it ended without a report)')
    return
  }
  const before = counts.failed
  for (const file of result.testResults) {
    const name = relative(root, file.name)
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed++
      else if (test.status === 'failed') {
        counts.failed++
        failures.push(`${name}: ${test.fullName}`)
      } else counts.skipped++
    }
    // A file that cannot be read, or whose hooks fail, has no failed test to count.
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      counts.failed++
      failures.push(`${name}: ${String(file.message).split('\n')[0]}`)
    }
  }
  // Errors outside of tests (an unhandled rejection) fail the run without failing a test.
  if (code !== 0 && counts.failed === before) {
    counts.failed++
    failures.push(`vitest (exit code ${code}, see above)`)
  }
}

function run([file, ...args], mode) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: mode === 'shown' ? 'inherit' : ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout?.on('data', (chunk) => (output += chunk))
    child.stderr?.on('data', (chunk) => (output += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, output }))
  })
}
