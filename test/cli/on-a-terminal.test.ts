import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { freePorts } from '../harness/ports.ts'
import { onTerminal } from '../harness/pseudo-terminal.ts'
import { noneLeft, startSystem } from '../harness/system.ts'

test('chat: a conversation; Ctrl-C stops the answer first, then the conversation', async () => {
  await using system = await startSystem({ bootstrap: simulatedAssistant({ parameters: '{ tokensPerSecond: 20, answerTokens: 200 }' }) })
  await system.until((all) => all.some(({ role, state }) => role === 'engine' && state === 'ready'))
  const terminal = onTerminal(['chat', 'assistant', '--max-tokens', '400'], system.home)
  try {
    await terminal.until(/› /)
    terminal.type('Tell me a long story\r')
    await terminal.until(/(\w+\s+){8}/) // what was typed, and the beginning of the answer
    await sleep(500)
    terminal.type('\x03')
    await terminal.until(/\(stopped\)/)
    await terminal.until(/› /)
    terminal.type('/clear\r')
    await terminal.until(/› /)
    terminal.type('\x03')
    expect(await terminal.exited).toBe(0)
    // The engine is told: nothing runs any more.
    await expect
      .poll(async () => (await system.control<{ total: { running: number } }>('GET', '/traffic')).total.running, { timeout: 5_000 })
      .toBe(0)
  } finally {
    terminal.end()
  }
})

test('chat: facts below the answer, /quit', async () => {
  await using system = await startSystem({ bootstrap: simulatedAssistant() })
  await system.until((all) => all.some(({ role, state }) => role === 'engine' && state === 'ready'))
  const terminal = onTerminal(['chat', 'assistant', '--max-tokens', '5'], system.home)
  try {
    await terminal.until(/› /)
    terminal.type('Hello\r')
    await terminal.until(/assistant@v1 · first token \d+ ms · 5 tokens · \d+ tokens\/s/)
    await terminal.until(/› /)
    terminal.type('/quit\r')
    expect(await terminal.exited).toBe(0)
  } finally {
    terminal.end()
  }
})

test('up: moving lines while it starts, five lines when it is there, a Ctrl-C that is typed', async () => {
  const home = mkdtempSync(join(tmpdir(), 'strata-terminal-'))
  try {
    const manifest = join(home, 'first.yaml')
    writeFileSync(manifest, simulatedAssistant({ parameters: '{ startupTime: 1s }' }))
    const [port, consolePort] = await freePorts(2)
    const terminal = onTerminal(['up', '--port', String(port), '--console-port', String(consolePort)], home, { STRATA_BOOTSTRAP: manifest })
    try {
      await terminal.until(/Strata 0\.1\.0/)
      await terminal.until(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Starting/)
      await terminal.until(/✓\S* assistant v1 ready +\d+\.\d s/)
      await terminal.until(/Ctrl-C \(running answers finish first\)/)
      terminal.type('\x03')
      await terminal.until(/Stopped\./)
      expect(await terminal.exited).toBe(0)
      await noneLeft(home, 2_000)
    } finally {
      terminal.end()
    }
  } finally {
    rmSync(home, { recursive: true, maxRetries: 5 })
  }
})
