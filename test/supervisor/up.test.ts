/** What `strata up` does beyond keeping processes: TLS, keys of one's own, a model that no place has, and to start again. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SystemStatus } from '../../src/control/status.ts'
import { storyModel } from '../fixtures/weights.ts'
import { llamaAssistant, simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-up-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('TLS with a certificate of one’s own: every part finds every other, and the pasted line works', async () => {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name))
  const subject = ['-subj', '/CN=strata.example.com', '-addext', 'subjectAltName=DNS:strata.example.com']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key!, '-out', cert!, '-days', '2', ...subject], {
    stdio: 'ignore',
  })
  await using system = await startSystem({ bootstrap: simulatedAssistant(), args: ['--tls-cert', cert!, '--tls-key', key!] })
  await system.until((all) => all.every(({ state }) => state === 'ready'))
  expect(system.gatewayUrl).toMatch(/^https:/)
  expect((await strata(['get', 'routes'], { home: system.home })).stdout).toContain('assistant-v1 100 %')
  expect(await strata(['chat', 'assistant', 'Hello', '--max-tokens', '4'], { home: system.home })).toMatchObject({ code: 0, stderr: '' })
  const line = /^ {2}Try {7}(curl [\s\S]*?)\n {2}Stop/m.exec(system.logs())![1]!
  expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' })).toMatch(/data: \[DONE\]/)
  // Nobody else trusts it.
  await expect(fetch(`${system.gatewayUrl}/health/live`)).rejects.toThrow()
})

test('without a model it says how to get one, and nothing that would not work', async () => {
  await using system = await startSystem()
  expect(system.logs()).toMatch(/^ {2}Models {4}none yet: npx strata apply -f FILE/m)
  expect(system.logs()).not.toContain('chat/completions')
})

test('what cannot work is refused before anything starts', async () => {
  const home = join(folder, 'refused')
  const file = join(folder, 'no.pem')
  writeFileSync(file, 'no certificate')
  const cases: [string[], Record<string, string>, string][] = [
    [['--host', '0.0.0.0'], {}, 'API keys would travel unencrypted'],
    [['--tls-cert', file], {}, 'go together'],
    [['--tls-cert', file, '--tls-key', file], {}, 'are not a certificate and its key'],
    [['--tls-cert', join(folder, 'gone'), '--tls-key', file], {}, 'There is no file'],
    [[], { STRATA_API_KEY: 'short' }, 'STRATA_API_KEY is not usable'],
  ]
  for (const [args, env, words] of cases)
    expect(await strata(['up', ...args], { home, env }), words).toMatchObject({ code: 2, stderr: expect.stringContaining(words) })
  expect(existsSync(home)).toBe(false)
})

test('a key of one’s own works, is kept, and reaches no child process', async () => {
  await using system = await startSystem({ bootstrap: simulatedAssistant(), env: { STRATA_API_KEY: 'sk-my-own-0123456789' } })
  const models = await fetch(`${system.gatewayUrl}/v1/models`, { headers: { authorization: 'Bearer sk-my-own-0123456789' } })
  expect(models.status).toBe(200)
  expect(system.apiKey).toBe('sk-my-own-0123456789')
  expect(statSync(join(system.home, 'credentials')).mode & 0o777).toBe(0o600)
  for (const { pid, name } of process.platform === 'linux' ? await system.processes() : [])
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8'), name).not.toContain('STRATA_API_KEY')
})

test('no place has the model: the simulated engine answers and says so; when the model comes, it takes over', {
  timeout: 180_000,
}, async () => {
  const story = await storyModel()
  const late = join(folder, 'late', 'model.gguf')
  const manifest = simulatedAssistant().replace(
    /engine: \{ kind: simulated.*\} \} \}/,
    `engine: { kind: llama, whenUnavailable: simulate, parameters: { contextSize: 256, sequences: 1, threads: 1 }, weights: { sha256: ${story.sha256}, from: ["file:${late}"] } } }`,
  )
  // A machine without Python: nothing but a shell on the path.
  mkdirSync(join(folder, 'bin'))
  symlinkSync('/bin/sh', join(folder, 'bin', 'sh'))
  await using system = await startSystem({ bootstrap: manifest, env: { PATH: join(folder, 'bin') } })
  expect(system.logs()).toMatch(
    /^ {2}! No place had the weights model\.gguf \(file: there is no .*\)\. Running on the SIMULATED engine; trying again in the background\.$/m,
  )
  const ask = async () => {
    const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'assistant', max_tokens: 4, messages: [{ role: 'user', content: 'Once upon a time' }] }),
    })
    return (await response.json()) as { system_fingerprint: string }
  }
  expect((await ask()).system_fingerprint).toMatch(/simulated/i)
  mkdirSync(dirname(late))
  copyFileSync(story.path, late)
  await expect.poll(async () => (await ask()).system_fingerprint, { timeout: 120_000, interval: 1_000 }).not.toMatch(/simulated/i)
})

test('one that starts again tells what is so now, not what was so when it ended', { timeout: 120_000 }, async () => {
  const story = await storyModel()
  const home = join(folder, 'again')
  const weights = join(folder, 'again.gguf')
  mkdirSync(home)
  const start = () => startSystem({ home, bootstrap: llamaAssistant({ path: weights, sha256: story.sha256 }) })
  await using first = await start()
  expect(first.logs()).toContain('! assistant-v1 does not run: No place had the weights again.gguf')
  await first.stop()
  copyFileSync(story.path, weights)
  await using second = await start()
  expect(second.logs()).not.toContain('does not run')
  const stateNow = async (system: System) => (await system.control<SystemStatus>('GET', '/status')).versions[0]!.instances.ready
  expect(await stateNow(second)).toBe(1)
  await second.stop()
  // What was ready when it ended is waited for.
  await using third = await start()
  expect(await stateNow(third)).toBe(1)
})
