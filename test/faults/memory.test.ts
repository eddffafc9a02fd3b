/** Models that find no memory, when they start and while they run: said in words, and the other models go on. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { storyModel } from '../fixtures/weights.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { answersAll, chat, manifest, warnings } from './observe.ts'

let system: System | undefined
afterEach(async () => {
  await system?.stop()
  system = undefined
})

/** A second model with one version, beside the assistant. */
const another = (name: string, engine: unknown) => [
  manifest('Model', name, { task: 'chat' }),
  manifest('ModelVersion', `${name}-v1`, { model: name, version: 'v1', source: { engine } }),
  manifest('Route', name, { models: [name], targets: [{ version: `${name}-v1`, weight: 100 }] }),
]

interface Version {
  readonly status?: { readonly state?: string; readonly message?: string }
}
const versionOf = (system_: System, name: string) => system_.control<Version>('GET', `/modelversions/${name}`)

test('a version that needs more than the machine has fails in words, and the others answer', async () => {
  const weights = await storyModel()
  const preload = join(import.meta.dirname, 'small-machine.mjs')
  system = await startSystem({
    bootstrap: simulatedAssistant(),
    env: { NODE_OPTIONS: `--import=${preload}`, FAULTS_MEMORY: String(48e6) },
  })
  await answersAll(system, 5)
  const llama = (parameters: unknown) => ({
    kind: 'llama',
    weights: { sha256: weights.sha256, from: [`file:${weights.path}`] },
    parameters,
  })
  await system.control('POST', '/apply', {
    documents: [
      ...another('held', { kind: 'simulated', parameters: { memory: '64M' } }),
      ...another('long', llama({ contextSize: 1024, sequences: 256, threads: 1 })),
    ],
  })
  const failed = async (name: string) => {
    const { status } = await versionOf(system!, name)
    return `${status?.state}: ${status?.message}`
  }
  await expect
    .poll(() => failed('held-v1'), { timeout: 30_000 })
    .toMatch(
      /^Failed: held-v1-0-\w+: exit code 1: Not enough memory: held-v1 \(parameters\.memory\) needs 64\.0 MB, and of 48\.0 MB here [\d.]+ MB are available\. Set a smaller/,
    )
  await expect
    .poll(() => failed('long-v1'), { timeout: 30_000 })
    .toMatch(
      /^Failed: long-v1-0-\w+: exit code 1: Not enough memory: long-v1 \(weights of [\d.]+ [kM]B, and 256 sequences of \d+ tokens\) needs [\d.]+ [MG]B, .* Set fewer `sequences`/,
    )
  const { stdout } = await strata(['status'], { home: system.home })
  expect(stdout).toMatch(/! held-v1 does not run: .*Not enough memory/)
  expect(stdout).toMatch(/! long-v1 does not run: .*Not enough memory/)

  await answersAll(system, 20)
  const refused = await chat(system, { model: 'held' })
  expect(refused.status).toBe(503)
  expect(JSON.parse(refused.body)).toMatchObject({ error: { message: expect.stringMatching(/held/), code: expect.any(String) } })
})

describe.runIf(process.platform === 'linux')('while it runs', () => {
  test('an engine that gets no more memory ends, is told as such, and comes back; the others answer', async () => {
    system = await startSystem({ bootstrap: simulatedAssistant() })
    await system.control('POST', '/apply', {
      documents: another('other', { kind: 'simulated', parameters: { timeToFirstToken: '5ms', tokensPerSecond: 500 } }),
    })
    const engineOf = async (version: string) => (await system!.processes()).find(({ name }) => name.startsWith(`engine-${version}`))!
    await system.until((all) => all.some(({ name, state }) => name.startsWith('engine-other-v1') && state === 'ready'))
    await expect.poll(async () => (await chat(system!, { model: 'other' })).status, { timeout: 10_000 }).toBe(200)
    const before = await engineOf('other-v1')
    const sibling = await engineOf('assistant-v1')

    // Not a byte more than it has.
    execFileSync('prlimit', ['--pid', String(before.pid), '--data=1'])
    const asked: Promise<unknown>[] = []
    for (let i = 0; i < 400 && (await engineOf('other-v1')).restarts === 0; i++) {
      asked.push(chat(system, { model: 'other', stream: true, max_tokens: 500 }))
      // Not more than it lets wait: on a busy machine the other takes its time to end.
      if (i % 8 === 0) asked.push(answersAll(system, 1))
    }
    await Promise.all(asked)

    const after = await engineOf('other-v1')
    expect(after.restarts).toBe(1)
    expect(after.lastEnd, readFileSync(join(system.home, 'logs', `${after.name}.log`), 'utf8')).toMatch(
      /^killed by SIG(ABRT|TRAP|ILL|SEGV): it found no memory \(".*(bad_alloc|out of memory|allocation failed).*"\)$/i,
    )
    await expect.poll(async () => (await chat(system!, { model: 'other' })).status, { timeout: 20_000 }).toBe(200)
    await answersAll(system, 5)
    expect(await engineOf('assistant-v1')).toMatchObject({ pid: sibling.pid, restarts: 0 })
    await expect.poll(() => warnings(system!), { timeout: 10_000 }).toBe('')
  })
})
