/** The adapter for OpenAI-compatible servers, against a real llama-server with a model of our own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { backendContract, backendSpec } from '../../src/serving/backends/backend.contract.ts'
import { connectBackend } from '../../src/serving/backends/index.ts'
import { storyModel } from '../fixtures/weights.ts'
import { freePorts } from '../harness/ports.ts'
import { fetchLlamaServer } from './llama-server.ts'

let server: ChildProcess
let root: string
const MODEL = 'story'

beforeAll(async () => {
  const folder = fetchLlamaServer()
  const weights = await storyModel()
  const [port] = (await freePorts(1)) as [number]
  root = `http://127.0.0.1:${port}`
  server = spawn(
    join(folder, 'llama-server'),
    `-m ${weights.path} --alias ${MODEL} --host 127.0.0.1 --port ${port} -t 1 -np 2 -c 256 --metrics --no-webui --log-disable --device none`.split(
      ' ',
    ),
    { env: { ...process.env, LD_LIBRARY_PATH: folder }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  for (let i = 0; i < 300; i++) {
    if (server.exitCode !== null) throw new Error(`llama-server ended with ${server.exitCode}`)
    const ok = await fetch(`${root}/health`).then(({ status }) => status === 200, () => false) // biome-ignore format: one thought
    if (ok) return
    await sleep(100)
  }
  throw new Error('llama-server did not come up within 30 s')
}, 120_000)
afterAll(async () => {
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  await ended
})

backendContract('OpenAI’s API', () => ({ spec: { protocol: 'openai', address: `${root}/v1` }, model: MODEL, server: /^llama-server$/ }))

test('its load is read from its metrics while it answers', async () => {
  const backend = connectBackend(backendSpec({ protocol: 'openai', address: `${root}/v1` }))
  const probe = () => backend.probe(AbortSignal.timeout(10_000), [])
  expect((await probe()).load).toEqual({ running: 0, waiting: 0 })
  const stop = new AbortController()
  // An answer of this small model is over in a moment: three who ask again and again.
  const asked = Array.from({ length: 3 }, async () => {
    while (!stop.signal.aborted)
      await fetch(`${root}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: MODEL, prompt: 'Once', max_tokens: 100_000, ignore_eos: true }),
        signal: stop.signal,
      })
        .then((response) => response.text())
        .catch(() => undefined)
  })
  try {
    await expect.poll(async () => (await probe()).load, { timeout: 30_000 }).toEqual({ running: 2, waiting: 1 })
  } finally {
    stop.abort()
    await Promise.all(asked)
  }
})
