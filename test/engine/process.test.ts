/** The engine as a process: what it says to its supervisor, and how it ends. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { EngineConfig } from '../../src/serving/engines/config.ts'
import { storyModel } from '../fixtures/weights.ts'
import { freePorts } from '../harness/ports.ts'
import { mainFile } from '../harness/system.ts'
import { llamaConfig, post, postJson, simulatedConfig, startServer, until } from './engines.ts'

const folder = mkdtempSync(join(tmpdir(), 'strata-engine-'))
const children: ChildProcess[] = []

async function start(config: EngineConfig | string) {
  const [port] = await freePorts(1)
  const path = join(folder, `${port}.json`)
  writeFileSync(path, typeof config === 'string' ? config : JSON.stringify({ ...config, listen: { host: '127.0.0.1', port } }))
  const child = fork(join(import.meta.dirname, 'run-engine.ts'), [path], {
    silent: true,
    env: { ...process.env, STRATA_HOME: folder },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  children.push(child)
  const [message] = (await once(child, 'message')) as [{ type: string; message?: string }]
  return { child, message, url: `http://127.0.0.1:${port}`, ended: once(child, 'exit') as Promise<[number | null, string | null]> }
}

/** As a container has it: no supervisor, no file, the config and the port in its environment. */
async function startAlone(config: object) {
  const [port] = await freePorts(1)
  const STRATA_ENGINE_CONFIG = JSON.stringify({ ...config, listen: { host: '127.0.0.1', port: 0 } })
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainFile, 'engine'], {
    env: { ...process.env, STRATA_HOME: folder, STRATA_ENGINE_CONFIG, PORT: String(port) },
    stdio: 'ignore',
  })
  children.push(child)
  const url = `http://127.0.0.1:${port}`
  await until(() =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { child, url, ended: once(child, 'exit') as Promise<[number | null, string | null]> }
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an engine process', () => {
  it('says that it is ready when it answers, and drains when it is told to', async () => {
    const { child, message, url, ended } = await start(llamaConfig(await storyModel()))
    expect(message).toEqual({ type: 'ready' })
    const response = await post(url, '/v1/completions', { model: 'm', prompt: 'Once upon a time', max_tokens: 100, stream: true })
    child.send({ type: 'drain', timeoutMs: 30_000 })
    expect(await response.text()).toMatch(/data: \[DONE\]\n\n$/)
    expect(await ended).toEqual([0, null])
  })

  it('writes side by side what an engine alone writes, with choices queued behind their batches', async () => {
    const weights = await storyModel()
    const { child, url } = await start(llamaConfig(weights))
    // Where it can be seen, its native work has one thread: that is what puts it in order.
    if (process.platform === 'linux') {
      const tasks = `/proc/${child.pid}/task`
      const names = readdirSync(tasks).map((task) => readFileSync(join(tasks, task, 'comm'), 'utf8').trim())
      expect(names.filter((name) => name === 'libuv-worker')).toHaveLength(1)
    }
    const alone = await startServer(llamaConfig(weights))
    try {
      const asks = ['Once upon a time', 'The fox and the bear went to the river together. One day'].flatMap((prompt) => [
        { model: 'm', prompt, max_tokens: 40, temperature: 0 },
        { model: 'm', prompt, max_tokens: 40, temperature: 0.8, top_p: 0.9, seed: 5, frequency_penalty: 0.5, logprobs: 2 },
      ])
      const together = await Promise.all(asks.map((ask) => postJson(url, '/v1/completions', ask)))
      for (const [i, ask] of asks.entries())
        expect(together[i].choices).toEqual((await postJson(alone.url, '/v1/completions', ask)).choices)
    } finally {
      await alone.close()
    }
  })

  it('drains and ends when its supervisor is gone', async () => {
    const { child, ended } = await start(simulatedConfig())
    child.disconnect()
    expect(await ended).toEqual([0, null])
  })

  it('cuts what runs longer than the drain may take, with an error event', async () => {
    const { child, url, ended } = await start(simulatedConfig({ tokensPerSecond: 5, answerTokens: 1_000 }))
    const response = await post(url, '/v1/completions', { model: 'm', prompt: 'a', max_tokens: 1_000, stream: true })
    child.send({ type: 'drain', timeoutMs: 300 })
    expect(await response.text()).toContain('"code":"engine_stopping"')
    expect(await ended).toEqual([0, null])
  })

  it.each<[string, () => EngineConfig | string, RegExp]>([
    ['weights that are not there', () => llamaConfig({ path: join(folder, 'none.gguf'), sha256: '0'.repeat(64) }), /none\.gguf/],
    [
      'weights that are none',
      () => {
        writeFileSync(join(folder, 'text.gguf'), 'This is no model.')
        return llamaConfig({ path: join(folder, 'text.gguf'), sha256: '0'.repeat(64) })
      },
      /text\.gguf/,
    ],
    ['a config that is not one', () => '{"id":"x"}', /config .* is wrong at/],
    ['a config that is no JSON', () => 'nonsense', /config .* is not JSON/],
  ])('says why it cannot start: %s', async (_, config, words) => {
    const { message, ended } = await start(config())
    expect(message.type).toBe('failed')
    expect(message.message).toMatch(words)
    expect(await ended).toEqual([1, null])
  })
})

describe('an engine without a supervisor', () => {
  const ask = (url: string) => post(url, '/v1/completions', { model: 'm', prompt: 'a', max_tokens: 1_000, stream: true })

  it('has its config and its port from the environment, and finishes its streams when it is told to end', async () => {
    const { child, url, ended } = await startAlone(simulatedConfig({ tokensPerSecond: 50, answerTokens: 30 }))
    const response = await ask(url)
    child.kill('SIGTERM')
    expect(await response.text()).toMatch(/data: \[DONE\]\n\n$/)
    expect(await ended).toEqual([0, null])
  })

  it('drains for as long as its config says', async () => {
    const config = simulatedConfig({ tokensPerSecond: 5, answerTokens: 1_000 })
    const { child, url, ended } = await startAlone({ ...config, drainTimeoutMs: 300 })
    const response = await ask(url)
    child.kill('SIGTERM')
    expect(await response.text()).toContain('"code":"engine_stopping"')
    expect(await ended).toEqual([0, null])
  })

  it('is ended at once by a second signal', async () => {
    const { child, url, ended } = await startAlone(simulatedConfig({ tokensPerSecond: 5, answerTokens: 1_000 }))
    const response = await ask(url)
    child.kill('SIGTERM')
    // It has heard the first one when it takes nobody in any more.
    await until(() =>
      fetch(`${url}/health`).then(
        () => false,
        () => true,
      ),
    )
    child.kill('SIGTERM')
    await expect(response.text()).rejects.toThrow()
    expect(await ended).toEqual([143, null])
  })
})
