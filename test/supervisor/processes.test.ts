import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { homeAt } from '../../src/kernel/home.ts'
import type { EngineStatus } from '../../src/kernel/supervision.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { freePorts } from '../harness/ports.ts'
import { strata } from '../harness/strata.ts'
import { isAlive, noneLeft, processesOf, type System, startSystem, supervisorCall } from '../harness/system.ts'

const ask = (system: System, body: object = {}, signal?: AbortSignal) =>
  fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'assistant', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 5, ...body }),
    signal,
  })

async function answers(system: System, timeoutMs = 15_000): Promise<void> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const status = await ask(system).then(
      async (response) => {
        await response.text()
        return response.status
      },
      () => 0,
    )
    if (status === 200) return
    if (performance.now() > end) throw new Error(`No answer (last status ${status}).\n${system.logs()}`)
    await sleep(50)
  }
}

describe('a running system', () => {
  let system: System
  beforeAll(async () => {
    system = await startSystem({ bootstrap: simulatedAssistant(), gateways: 2 })
  })
  afterAll(() => system.stop())

  test('prints where it is, and the line that one pastes works', async () => {
    const printed = system.logs()
    expect(printed).toContain(`Gateway   ${system.gatewayUrl}`)
    expect(printed).toContain(`OPENAI_BASE_URL=${system.gatewayUrl}/v1`)
    expect(printed).toMatch(new RegExp(`Console {3}${system.consoleUrl}/login\\?t=\\S{20,}`))
    expect(printed).toContain(`API key   ${system.apiKey}`)
    const line = /^ {2}Try {7}(curl [\s\S]*?'\}?'?)\n {2}Stop/m.exec(printed)![1]!
    const { execFileSync } = await import('node:child_process')
    const said = execFileSync('sh', ['-c', line], { encoding: 'utf8', timeout: 20_000 })
    expect(said).toMatch(/^data: \{.*"chat\.completion\.chunk"/)
    expect(said.trimEnd()).toMatch(/data: \[DONE\]$/)
  })

  test.each(['control', 'gateway-0', 'gateway-1', 'engine'])('kill -9 %s: it is back, the others were left alone', async (kind) => {
    const before = await system.until((all) => all.length === 4 && all.every(({ state }) => state === 'ready'), 70_000)
    const victim = before.find(({ name }) => name.startsWith(kind))!
    const pid = await system.kill(victim.name)
    const after = await system.until((all) => {
      const now = all.find(({ name }) => name === victim.name)
      return now?.state === 'ready' && now.pid !== pid
    })
    expect(after.find(({ name }) => name === victim.name)).toMatchObject({ restarts: victim.restarts + 1, lastEnd: 'killed by SIGKILL' })
    for (const other of before.filter(({ name }) => name !== victim.name))
      expect(after.find(({ name }) => name === other.name)?.pid, other.name).toBe(other.pid)
    await answers(system)
  })

  test('an engine is ended hard and started again when the supervisor is asked to; of one that is not there it says so', async () => {
    const home = homeAt(system.home)
    await system.until((all) => all.every(({ state }) => state === 'ready'), 70_000)
    const engines = () => supervisorCall<EngineStatus[]>(home, 'GET', '/engines')
    const [before] = await engines()
    expect(before).toMatchObject({ config: expect.stringContaining('"simulated"'), status: { role: 'engine', state: 'ready' } })
    const { name, pid, restarts } = before!.status
    await supervisorCall(home, 'POST', `/engines/${before!.id}/restart`)
    await system.until((all) => all.some((one) => one.name === name && one.state === 'ready' && one.pid !== pid), 70_000)
    const [after] = await engines()
    expect(after!.status).toMatchObject({ restarts: restarts + 1, lastEnd: 'killed by SIGKILL' })
    await answers(system)
    await expect(supervisorCall(home, 'POST', '/engines/nobody/restart')).rejects.toThrow('HTTP 404 {"error":{"code":"not_found"')
  })

  test('while control is away the gateways answer', async () => {
    await system.until((all) => all.every(({ state }) => state === 'ready'), 70_000)
    const pid = await system.kill('control')
    for (let i = 0; i < 20; i++) {
      const response = await ask(system)
      expect(response.status, await response.text()).toBe(200)
    }
    await system.until((all) => all.some((one) => one.name === 'control' && one.state === 'ready' && one.pid !== pid), 70_000)
  })

  test('a second one on the same home is refused in words, also while the first hangs', async () => {
    const [port] = await freePorts(1)
    const second = () => strata(['up', '--port', String(port)], { home: system.home })
    const refused = await second()
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toBe(
      `  ✗ Strata already runs on ${system.home} (pid ${system.pid}). Stop it first (Ctrl-C there), or set STRATA_HOME to another folder for a second system.\n`,
    )
    process.kill(system.pid, 'SIGSTOP')
    try {
      expect((await second()).stderr).toContain(`(pid ${system.pid})`)
    } finally {
      process.kill(system.pid, 'SIGCONT')
    }
  })

  test('a port in use: which, by whom, and the flag to change it', async () => {
    const home = mkdtempSync(join(tmpdir(), 'strata-second-'))
    try {
      const gatewayPort = Number(new URL(system.gatewayUrl).port)
      const gateway = (await system.processes()).filter(({ role }) => role === 'gateway').map(({ pid }) => pid)
      const refused = await strata(['up', '--port', String(gatewayPort)], { home })
      expect(refused.code).toBe(1)
      const [, pid] =
        new RegExp(
          `✗ Port ${gatewayPort} is taken by node \\(pid (\\d+)\\)\\. Start with --port \\d+, or set STRATA_GATEWAY_PORT\\.\\n$`,
        ).exec(refused.stderr) ?? []
      expect(gateway, refused.stderr).toContain(Number(pid))

      const server = createServer()
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      const taken = (server.address() as { port: number }).port
      const [free] = await freePorts(1)
      const also = await strata(['up', '--port', String(free), '--console-port', String(taken)], { home })
      expect(also.stderr).toContain(`Port ${taken} is taken by node (pid ${process.pid}). Start with --console-port`)
      server.close()
      await noneLeft(home, 2_000)
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})

test('Ctrl-C lets a running answer end, and leaves no process behind', async () => {
  await using system = await startSystem({ bootstrap: simulatedAssistant({ parameters: '{ tokensPerSecond: 20 }' }) })
  const response = await ask(system, { stream: true, max_tokens: 40 })
  const reader = response.body!.getReader()
  await reader.read()
  const exited = system.signal('SIGINT')
  let text = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value).toString('utf8')
  expect(text.trimEnd()).toMatch(/data: \[DONE\]$/)
  expect(text.split('\n').filter((line) => line.includes('"content"')).length).toBeGreaterThan(20)
  expect(await exited).toBe(0)
  expect(processesOf(system.home)).toEqual([])
})

test('a second Ctrl-C ends it at once; two that come together are one', async () => {
  await using system = await startSystem({ bootstrap: simulatedAssistant({ parameters: '{ tokensPerSecond: 2 }' }) })
  const response = await ask(system, { stream: true, max_tokens: 200 })
  const reader = response.body!.getReader()
  await reader.read()
  const exited = system.signal('SIGINT')
  process.kill(system.pid, 'SIGINT')
  await sleep(1_000)
  expect(isAlive(system.pid)).toBe(true)
  process.kill(system.pid, 'SIGINT')
  expect(await exited).toBe(130)
  await noneLeft(system.home, 1_000)
  await reader.cancel().catch(() => undefined)
})

test('a supervisor that is killed: its children leave by themselves, and the next start works', async () => {
  const home = mkdtempSync(join(tmpdir(), 'strata-killed-'))
  try {
    const first = await startSystem({ bootstrap: simulatedAssistant(), home })
    await answers(first)
    expect(await first.signal('SIGKILL')).toBe('SIGKILL')
    // At once, while the children of the first are still leaving.
    const second = await startSystem({ bootstrap: simulatedAssistant(), home })
    await answers(second)
    expect(second.apiKey).toBe(first.apiKey)
    await second.stop()
    await noneLeft(home, 1_000)
  } finally {
    rmSync(home, { recursive: true, maxRetries: 5 })
  }
})

test('a home of a newer Strata is refused in words', async () => {
  const home = mkdtempSync(join(tmpdir(), 'strata-newer-'))
  try {
    writeFileSync(join(home, 'version'), '{"format":99}')
    const refused = await strata(['up'], { home })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      `${home} was written by a newer Strata (format 99; this one knows 1). Update Strata, or set STRATA_HOME to another folder.`,
    )
  } finally {
    rmSync(home, { recursive: true })
  }
})
