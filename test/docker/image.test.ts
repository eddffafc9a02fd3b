/** The image that `deploy/Dockerfile` makes: what is in it, and every role of it as containers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Credentials } from '../../src/kernel/credentials.ts'
import { llamaConfig, simulatedConfig } from '../engine/engines.ts'
import { storyModel } from '../fixtures/weights.ts'
import { root } from '../harness/system.ts'
import { type DockerDaemon, startDockerd } from '../peers/dockerd.ts'
import { answer, type ContainerOptions, startContainer } from './containers.ts'
import { buildStrataImage, developmentPackages } from './strata-image.ts'

const MOST_OWN_BYTES = 250_000_000
const HOME = '/var/lib/strata'
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

let daemon: DockerDaemon
let built: Awaited<ReturnType<typeof buildStrataImage>>
beforeAll(async () => {
  daemon = await startDockerd()
  built = await buildStrataImage(daemon)
})
afterAll(async () => {
  await daemon?.stop()
  expect(await daemon?.leftovers()).toEqual([])
})

const start = (options: ContainerOptions) => startContainer(daemon, built.image, options)
/** What one prints that ends by itself. */
const printed = async (options: ContainerOptions) => {
  const container = await start(options)
  expect(await container.ended()).toBe(0)
  return container.logs()
}
const post = (token: string | undefined, body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
  body: JSON.stringify(body),
})
const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } })
const chat = (model: string, more: object = {}) => ({ model, messages: [{ role: 'user', content: 'Hello!' }], ...more })

describe('the image', () => {
  test('is small, runs as a user without rights, and says what it is', async () => {
    expect(built.ownBytes).toBeLessThan(MOST_OWN_BYTES)
    const { Config } = (await daemon.ask('GET', `/images/${built.image}/json`)) as { Config: Record<string, unknown> }
    expect(Config).toMatchObject({
      User: '10001:10001',
      Entrypoint: ['strata'],
      StopSignal: 'SIGTERM',
      ExposedPorts: { '7400/tcp': {}, '7401/tcp': {} },
      Labels: { 'org.opencontainers.image.version': version, 'org.opencontainers.image.licenses': 'Apache-2.0' },
    })
    expect(Config.Env).toContain(`STRATA_HOME=${HOME}`)
    expect(await printed({ args: ['--version'] })).toBe(`${version}\n`)
  })

  test('holds no test, no package of the development or of the console’s build, no source map, and only what root alone may write', async () => {
    const list = `import { readdirSync, statSync } from 'node:fs'
      const all = readdirSync('/opt/strata', { recursive: true })
      const writable = all.filter((path) => { const { uid, mode } = statSync('/opt/strata/' + path); return uid !== 0 || mode & 0o022 })
      console.log(JSON.stringify({ all, writable }))`
    const said = await printed({ entrypoint: ['node', '--input-type=module', '-e', list] })
    const { all, writable } = JSON.parse(said) as { all: string[]; writable: string[] }
    expect(all).toContain('console/dist/index.html')
    expect(all).toContain('src/cli/main.ts')
    const useless = /\.(test|contract)\.ts$|^node_modules.*(\.map|\.d\.ts)$|^(test|bench|docs|examples|console\/src)\b/
    expect(all.filter((path) => useless.test(path))).toEqual([])
    const unwanted = [...developmentPackages(), 'node_modules/vite', 'node_modules/react', 'node_modules/@mantine/core']
    expect(all.filter((path) => unwanted.includes(path))).toEqual([])
    expect(all.filter((path) => /^node_modules\/@node-llama-cpp\/[^/]+$/.test(path))).toEqual([
      `node_modules/@node-llama-cpp/linux-${process.arch}`,
    ])
    expect(writable).toEqual([])
  })
})

describe('an engine', () => {
  const engine = (config: object, more: ContainerOptions = {}) =>
    start({
      args: ['engine'],
      ports: [8080],
      ...more,
      env: { PORT: '8080', STRATA_ENGINE_CONFIG: JSON.stringify({ ...config, listen: { host: '0.0.0.0', port: 0 } }) },
    })

  test('takes its config and its port from the environment, answers, and finishes its streams when it is told to end', async () => {
    const container = await engine(simulatedConfig({ tokensPerSecond: 40, answerTokens: 60 }))
    const url = container.url(8080)
    await answer(container, `${url}/health`)
    const whole = await answer(container, `${url}/v1/chat/completions`, post(undefined, chat('m', { max_tokens: 5 })))
    expect(await whole.json()).toMatchObject({ object: 'chat.completion', usage: { completion_tokens: 5 } })

    const response = await fetch(`${url}/v1/chat/completions`, post(undefined, chat('m', { max_tokens: 60, stream: true })))
    await container.signal('SIGTERM')
    expect(await response.text()).toMatch(/data: \[DONE\]\n\n$/)
    expect(await container.ended()).toBe(0)
    expect(await container.logs()).toContain('"message":"draining","timeoutMs":600000')
  })

  test('runs a real model', async () => {
    const { path, sha256 } = await storyModel()
    const container = await engine(llamaConfig({ path: '/weights/model.gguf', sha256 }, { gpu: 'auto' }), {
      mounts: { [path]: '/weights/model.gguf:ro' },
    })
    const url = container.url(8080)
    await answer(container, `${url}/health`)
    const said = await answer(
      container,
      `${url}/v1/completions`,
      post(undefined, { model: 'm', prompt: 'Once upon a time', max_tokens: 8, temperature: 0 }),
    )
    expect(await said.json()).toMatchObject({ choices: [{ text: expect.stringMatching(/^, there was/) }] })
  })

  test('says what is missing where nothing says what to run', async () => {
    const container = await start({ args: ['engine'] })
    expect(await container.ended()).toBe(1)
    expect(await container.logs()).toContain('Nothing says what this engine shall run. Give --config FILE, or')
  })
})

describe('control and a gateway', () => {
  test('are two containers that share a volume, before an engine in a third', async () => {
    const mounts = { 'strata-two': HOME }
    const apiKey = 'sk-of-this-test-0123456789'
    const engine = await start({
      args: ['engine'],
      env: { STRATA_ENGINE_CONFIG: JSON.stringify({ ...simulatedConfig(), listen: { host: '0.0.0.0', port: 9000 } }) },
    })
    const control = await start({
      args: ['control', '--host', '0.0.0.0', '--gateway-url', 'http://gateway:7400'],
      env: { STRATA_BOOTSTRAP: 'none', STRATA_API_KEY: apiKey },
      ports: [7401],
      mounts,
    })
    await answer(control, control.url(7401))
    const { adminToken, ...credentials } = JSON.parse(
      await control.exec(['node', '-p', `require('fs').readFileSync('${HOME}/credentials', 'utf8')`]),
    ) as Credentials
    expect(credentials).toMatchObject({ apiKey, gatewayUrl: 'http://gateway:7400', consoleUrl: 'http://127.0.0.1:7401' })
    const api = `${control.url(7401)}/api/v1alpha1`
    await answer(control, `${api}/status`, {}, 401)

    const gateway = await start({ args: ['gateway', '--host', '0.0.0.0'], ports: [7400], mounts })
    await answer(gateway, `${gateway.url(7400)}/health/ready`)
    const refused = await answer(gateway, `${gateway.url(7400)}/v1/models`, {}, 401)
    expect(await refused.json()).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } })
    await answer(gateway, `${gateway.url(7400)}/v1/models`, bearer(apiKey))
    await answer(control, `${api}/apply`, post(adminToken, { documents: onBackend(`http://${engine.address}:9000/v1`) }))
    const said = await answer(gateway, `${gateway.url(7400)}/v1/chat/completions`, post(apiKey, chat('writer', { max_tokens: 5 })))
    expect(await said.json()).toMatchObject({ object: 'chat.completion', usage: { completion_tokens: 5 } })
    expect(await control.exec(['strata', 'status'])).toContain('gateway-0')

    const second = await start({ args: ['control'], mounts })
    expect(await second.ended()).toBe(1)
    expect(await second.logs()).toContain(`Strata already runs on ${HOME}`)
    for (const container of [gateway, control, engine]) {
      await container.signal('SIGTERM')
      expect(await container.ended()).toBe(0)
    }
  })

  test('are one container with all the rest as `strata up`, which ends when it is told to and starts again on its volume', async () => {
    const up = () =>
      start({
        args: ['up', '--host', '0.0.0.0', '--insecure'],
        env: { STRATA_BOOTSTRAP: 'none' },
        ports: [7400, 7401],
        mounts: { 'strata-one': HOME },
      })
    const apiKeys: string[] = []
    for (let starts = 0; starts < 2; starts++) {
      const system = await up()
      await expect.poll(() => system.logs(), { timeout: 30_000 }).toMatch(/^ {2}Stop /m)
      apiKeys.push(/sk-strata-\w+/.exec(await system.logs())![0])
      await answer(system, `${system.url(7400)}/v1/models`, bearer(apiKeys[0]!))
      await answer(system, system.url(7401))
      await system.signal('SIGTERM')
      expect(await system.ended()).toBe(0)
    }
    expect(apiKeys[1]).toBe(apiKeys[0])
  })
})

function onBackend(address: string): object[] {
  const document = (kind: string, name: string, spec: object) => ({ apiVersion: 'strata.dev/v1alpha1', kind, metadata: { name }, spec })
  return [
    document('Backend', 'engine', { protocol: 'openai', address }),
    document('Model', 'writer', { task: 'chat' }),
    document('ModelVersion', 'writer-v1', { model: 'writer', version: 'v1', source: { backend: { name: 'engine', model: 'test' } } }),
    document('Route', 'writer', { models: ['writer'], targets: [{ version: 'writer-v1' }] }),
  ]
}
