/** `strata top` as a person sees it: on a terminal that changes its size, through a restart of control; and without a terminal. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { freePorts } from '../harness/ports.ts'
import { onTerminal } from '../harness/pseudo-terminal.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

const ALTERNATE_SCREEN = '\x1b[?1049h'
const BACK = '\x1b[?25h\x1b[?1049l'
const CONTROL_SEQUENCE = /\x1b\[[?\d;]*[A-Za-z]/g

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap: simulatedAssistant({ instances: 2 }) })
})
afterAll(() => system?.stop())

const ask = async () =>
  (
    await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}` },
      body: JSON.stringify({ model: 'assistant', max_tokens: 4, stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
    })
  ).text()

describe('on a terminal', () => {
  it('shows what runs, follows what changes, and leaves the screen as it was', async () => {
    const terminal = onTerminal(['top'], system.home)
    try {
      await terminal.until(/all is well/)
      await terminal.until(/assistant@v1.*2\/2/)
      await terminal.until(/assistant-v1-0/)
      for (let i = 0; i < 20; i++) await ask()
      await terminal.until(/Requests\s+(\x1b\[\d+m)*\s*0\.[1-9] \/s/)
      await terminal.until(/p50 \d+ ms, p95 \d+ ms/)
      terminal.type('q')
      expect(await terminal.exited).toBe(0)
      expect(terminal.screen().startsWith(ALTERNATE_SCREEN)).toBe(true)
      expect(terminal.screen().endsWith(BACK)).toBe(true)
    } finally {
      terminal.end()
    }
  })

  it('fits itself into a window that gets smaller', async () => {
    const terminal = onTerminal(['top'], system.home)
    try {
      await terminal.until(/assistant-v1-1/)
      const before = terminal.screen().length
      terminal.resize(44, 12)
      await terminal.until(/\x1b\[12;1H.*q quits/)
      const frame = terminal
        .screen()
        .slice(before)
        .split('\x1b[H')
        .at(-1)!
        .replaceAll(CONTROL_SEQUENCE, '')
        .replaceAll('\r', '')
        .split('\n')
      expect(frame.length).toBeLessThanOrEqual(12)
      expect(frame.filter((line) => [...line].length > 44)).toEqual([])
      terminal.type('\x03')
      expect(await terminal.exited).toBe(0)
    } finally {
      terminal.end()
    }
  })

  it('says that control is away, keeps what it knew, and goes on when it is back', async () => {
    const terminal = onTerminal(['top'], system.home)
    try {
      await terminal.until(/all is well/)
      const pid = await system.kill('control')
      await terminal.until(/reconnecting…/)
      await terminal.until(/assistant@v1/)
      await system.until((processes) =>
        processes.some(({ name, state, ...one }) => name === 'control' && state === 'ready' && one.pid !== pid),
      )
      await terminal.until(/all is well/)
      terminal.type('q')
      expect(await terminal.exited).toBe(0)
    } finally {
      terminal.end()
    }
  })

  it('is without colours where NO_COLOR is set', async () => {
    const terminal = onTerminal(['top'], system.home, { NO_COLOR: '1' })
    try {
      await terminal.until(/assistant@v1/)
      expect(terminal.screen()).not.toMatch(/\x1b\[\d+m/)
      terminal.type('q')
      expect(await terminal.exited).toBe(0)
    } finally {
      terminal.end()
    }
  })
})

describe('without a terminal', () => {
  it('prints one plain snapshot and ends', async () => {
    const { code, stdout, stderr } = await strata(['top'], { home: system.home })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toMatch(/^Strata \d+\.\d+\.\d+ {2}up \w+ {2}● all is well$/m)
    expect(stdout).toMatch(/^assistant@v1 .*2\/2 .*100 % of assistant/m)
    expect(stdout).toMatch(/^assistant-v1-1\S* +● ready/m)
  })

  it('says when nothing runs', async () => {
    const [port] = await freePorts(1)
    const url = `http://127.0.0.1:${port}`
    const { code, stderr } = await strata(['top'], { home: system.home, env: { STRATA_CONTROL_URL: url } })
    expect(code).not.toBe(0)
    expect(stderr).toContain(`Strata is not running at ${url}.`)
  })
})
