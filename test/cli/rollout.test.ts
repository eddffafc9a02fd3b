/** `strata rollout` as a person and as a script use it: told by hand, watched on a terminal and in a log, through a restart of control. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { onTerminal } from '../harness/pseudo-terminal.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const V2 = {
  ...head,
  kind: 'ModelVersion',
  metadata: { name: 'assistant-v2' },
  spec: { model: 'assistant', version: 'v2', source: { engine: { kind: 'simulated' } } },
}
/** Nothing is judged, so that only who tells it moves it. */
const byHand = (name: string, namespace = 'default') => ({
  ...head,
  kind: 'Rollout',
  metadata: { name, namespace },
  spec: {
    route: 'assistant',
    from: 'assistant-v1',
    to: 'assistant-v2',
    steps: [{ weight: 5 }, { pause: {} }, { weight: 50 }, { pause: {} }],
    analysis: { metrics: [] },
  },
})
const BACK = '\x1b[?25h\x1b[?1049l'

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap: simulatedAssistant(), gateways: 2 })
  await system.control('POST', '/apply', { documents: [V2] })
})
afterAll(() => system?.stop())

const run = (...args: string[]) => strata(args, { home: system.home })
const release = async (name: string) => {
  await system.control('POST', '/apply', { documents: [byHand(name)] })
  await phase(name, 'Paused')
}
const phase = (name: string, wanted: string) =>
  expect
    .poll(async () => (await system.control<Resource<'Rollout'>>('GET', `/rollouts/${name}`)).status?.phase, { timeout: 20_000 })
    .toBe(wanted)
afterEach(async () => {
  const { items } = await system.control<{ items: Resource<'Rollout'>[] }>('GET', '/rollouts')
  for (const { metadata, status } of items) {
    if (status?.phase === 'Healthy') await system.control('POST', `/rollouts/${metadata.name}/undo`)
    await system.control('DELETE', `/rollouts/${metadata.name}`)
  }
})

describe('told by hand', () => {
  it('says what now is, and how many gateways have it', async () => {
    await release('by-hand')
    const told = async (...args: string[]) => {
      const { code, stdout, stderr } = await run('rollout', ...args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }
    const confirmed = '2 of 2 gateways have it\n'
    expect(await told('promote', 'by-hand')).toMatch(
      /^~ Rollout\/by-hand: (paused at 50 %|goes on at 50 %, step \d of 4); 2 of 2 gateways have it\n$/,
    )
    await phase('by-hand', 'Paused')
    expect(await told('promote', 'by-hand', '--full')).toBe(
      `~ Rollout/by-hand: promoted, assistant-v2 has all of what went to assistant-v1; ${confirmed}`,
    )
    expect((await run('get', 'route', 'assistant')).stdout).toMatch(/assistant-v2 100 % +Rollout\/by-hand/)
    expect(await told('undo', 'by-hand')).toBe(`~ Rollout/by-hand: Route/assistant has its own weights again; ${confirmed}`)
    expect(await told('retry', 'by-hand')).toBe(`~ Rollout/by-hand: begins anew as soon as assistant-v2 is ready; ${confirmed}`)
    await phase('by-hand', 'Paused')
    expect(JSON.parse(await told('promote', 'by-hand', '-o', 'json'))).toMatchObject({ kind: 'Rollout', status: { weight: 50 } })
    await phase('by-hand', 'Paused')
    expect(await told('abort', 'by-hand')).toBe(`~ Rollout/by-hand: Route/assistant has its own weights again; ${confirmed}`)
    expect((await run('get', 'route', 'assistant')).stdout).toMatch(/assistant-v1 100 % +spec/)
  })

  it('refuses what cannot be now, and what is not there', async () => {
    await release('refused')
    const wrong = await run('rollout', 'undo', 'refused')
    expect(wrong).toMatchObject({ code: 4, stdout: '' })
    expect(wrong.stderr).toContain('Rollout/refused: It is Paused, and can be undone only while it is Healthy.')
    expect(await run('rollout', 'pause', 'nothing')).toMatchObject({ code: 5, stdout: '' })
    expect(await run('rollout', 'get', 'nothing')).toMatchObject({ code: 5, stdout: '' })
    expect(await run('rollout', 'get')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^NAME +/) })
    expect(await run('rollout', 'get', '--watch')).toMatchObject({ code: 2, stdout: '' })
    expect(await run('rollout', 'get', 'refused', '-n', 'elsewhere')).toMatchObject({ code: 5 })
  })
})

describe('looked at', () => {
  it('is a table among others, plain lines of its own, and JSON', async () => {
    await release('seen')
    expect((await run('get', 'rollouts')).stdout).toMatch(
      /^NAME +ROUTE +FROM +TO +PHASE +STEP +WEIGHT +AGE\nseen +assistant +assistant-v1 +assistant-v2 +Paused +2\/4 +5 %/,
    )
    const { code, stdout, stderr } = await run('rollout', 'get', 'seen')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toMatch(/^seen {2}‖ Paused by a step {2}step 2 of 4 {2}for \w+$/m)
    expect(stdout).toMatch(/^Weights {2}assistant-v1 95 % → assistant-v2 5 %$/m)
    expect(stdout).toMatch(/^‖ {2}2 {2}pause {2}until somebody promotes$/m)
    expect(stdout).toMatch(/^ +\d+s {2}Weight +assistant-v2 gets 5 % of what went to assistant-v1\.$/m)
    expect(JSON.parse((await run('rollout', 'get', 'seen', '-o', 'json')).stdout)).toMatchObject({ kind: 'Rollout', status: { weight: 5 } })
    expect((await run('describe', 'rollout', 'seen')).stdout).toContain('phase: Paused')
  })

  it('is told event by event in a log, and ends with 7 when it was aborted', async () => {
    await release('logged')
    const watched = run('rollout', 'get', 'logged', '--watch')
    const asJson = run('rollout', 'get', 'logged', '--watch', '-o', 'json')
    // It has to have begun to look: what happens before is in the first lines.
    await new Promise((done) => setTimeout(done, 2_000))
    await run('rollout', 'abort', 'logged')
    const { code, stdout } = await watched
    expect(code).toBe(7)
    expect(stdout).toMatch(/^logged {2}‖ Paused by a step/)
    expect(stdout).toMatch(/^\d{4}-\S+Z {2}Aborted {2}Aborted by admin: everything goes to assistant-v1 again\.$/m)
    expect(stdout).toMatch(/^logged {2}■ Degraded/m)
    const lines = (await asJson).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Resource<'Rollout'>)
    expect([lines[0]!.status?.phase, lines.at(-1)!.status?.phase]).toEqual(['Paused', 'Degraded'])
  })
})

describe('watched on a terminal', () => {
  it('follows what happens through a restart of control, and ends by itself with what it came to', async () => {
    await release('watched')
    const terminal = onTerminal(['rollout', 'get', 'watched', '--watch'], system.home)
    try {
      await terminal.until(/Paused by a step/)
      await terminal.until(/q quits/)
      const pid = await system.kill('control')
      await terminal.until(/reconnecting…/)
      await system.until((processes) =>
        processes.some(({ name, state, ...one }) => name === 'control' && state === 'ready' && one.pid !== pid),
      )
      await run('rollout', 'promote', 'watched')
      await terminal.until(/assistant-v2 50 %/)
      await run('rollout', 'promote', 'watched', '--full')
      expect(await terminal.exited).toBe(0)
      const after = terminal.screen().slice(terminal.screen().lastIndexOf(BACK) + BACK.length)
      expect(after).toMatch(/● Healthy/)
    } finally {
      terminal.end()
    }
  })

  it('is no success for whoever leaves before the end, and no riddle when it is deleted', async () => {
    await release('left')
    const left = onTerminal(['rollout', 'get', 'left', '--watch'], system.home, { NO_COLOR: '1' })
    const deleted = onTerminal(['rollout', 'get', 'left', '--watch'], system.home)
    try {
      await left.until(/Paused by a step/)
      await deleted.until(/Paused by a step/)
      expect(left.screen()).not.toMatch(/\x1b\[\d+m/)
      left.type('q')
      expect(await left.exited).toBe(130)
      expect(left.screen().endsWith(BACK)).toBe(true)
      await run('delete', 'rollout', 'left')
      expect(await deleted.exited).toBe(5)
      expect(deleted.screen().split(BACK).at(-1)).toContain('no')
    } finally {
      left.end()
      deleted.end()
    }
  })
})
