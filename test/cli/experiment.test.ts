/** `strata experiment` as a person and as a script use it: looked at, watched until it is decided, ended by hand, written down as a report. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { keepAsking } from '../harness/load.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { onTerminal } from '../harness/pseudo-terminal.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

type Experiment = Resource<'Experiment'>

const SPEED = '{ timeToFirstToken: 5ms, tokensPerSecond: 2000, answerTokens: 4, sequences: 64 }'
const FAILING = `---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-failing }
spec: { model: assistant, version: failing, source: { engine: { kind: simulated, parameters: ${SPEED.replace('}', ', errorRate: 0.5 }')} } } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: quiet }
spec: { models: [quiet], targets: [{ version: assistant-v1, weight: 100 }] }
`
const BACK = '\x1b[?25h\x1b[?1049l'

let system: System
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strata-report-'))
  system = await startSystem({ bootstrap: `${simulatedAssistant({ parameters: SPEED })}${FAILING}`, gateways: 2 })
})
afterAll(async () => {
  await system?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const run = (...args: string[]) => strata(args, { home: system.home })
/** Where a file without a path is written to. */
const runIn = (directory: string, ...args: string[]) =>
  strata(args, { home: system.home, through: ['sh', '-c', 'cd "$0" && exec "$@"', directory] })

async function begin(name: string, { route = 'quiet', other = 'assistant-v1' } = {}): Promise<void> {
  const experiment = {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Experiment',
    metadata: { name },
    spec: {
      route,
      assignBy: { header: 'x-user-id' },
      arms: [
        { name: 'control', version: 'assistant-v1', weight: 50 },
        { name: 'other', version: other, weight: 50, prompt: { system: '</style><script>alert(1)</script>' } },
      ],
      primary: { name: 'errorRate', minimumEffect: 2 },
      guardrails: [{ name: 'totalTime', margin: 20 }],
      analysis: { window: '1s', unitWindow: '1s', feedbackWindow: '1s' },
    },
  }
  await system.control('POST', '/apply', { documents: [experiment] })
  await expect
    .poll(async () => (await system.control<Experiment>('GET', `/experiments/${name}`)).status?.phase, { timeout: 20_000 })
    .toBe('Running')
}

/** New users, eight at a time, each once, until told to stop. */
function users(model: string) {
  let count = 0
  return keepAsking(8, async () => {
    const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json', 'x-user-id': `user-${count++}` },
      body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content: 'Hello' }] }),
    })
    await response.text()
  })
}

describe('one that nobody has come to', () => {
  it('is a table, a screen of its own, and JSON', async () => {
    await begin('shorter')
    const table = await run('experiment', 'get')
    expect(table.stdout).toMatch(/^NAME +ROUTE +ARMS .*\nshorter +quiet +control 50 %, other 50 % +errorRate +Running/)
    const withoutAge = (text: string) => text.replace(/ +\S+$/gm, '')
    expect(withoutAge(table.stdout)).toBe(withoutAge((await run('get', 'experiments')).stdout))
    expect(JSON.parse((await run('experiment', 'get', '-o', 'json')).stdout)).toMatchObject({ items: [{ kind: 'Experiment' }] })

    const { code, stdout, stderr } = await run('experiment', 'get', 'shorter')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toMatch(/^shorter {2}▲ Running {2}divided for \w+, 13d left$/m)
    expect(stdout).toMatch(/^Route {4}quiet; callers are assigned by the header x-user-id, else by the consumer$/m)
    expect(stdout).toMatch(/^ {2}assistant-v1, prompt "<\/style><script>alert\(1\)<\/script>"$/m)
    expect(stdout).toMatch(/^ +\d+s {2}Running {2}Callers are divided between the arms\.$/m)
    const json = JSON.parse((await run('experiment', 'get', 'shorter', '-o', 'json')).stdout)
    expect(json).toMatchObject({ kind: 'Experiment', status: { phase: 'Running' } })
  })

  it('says what is wrong with a command, and what was meant', async () => {
    for (const command of [['get'], ['stop'], ['report', '--out', '-']]) {
      const wrong = await run('experiment', ...command, 'shrter')
      expect(wrong).toMatchObject({ code: 5, stdout: '' })
      expect(wrong.stderr).toContain('There is no Experiment "shrter". Did you mean "shorter"?')
    }
    expect((await run('experiment', 'get', 'quite-another')).stderr).toContain('See: strata get experiments')
    const elsewhere = await run('experiment', 'get', 'shorter', '-n', 'elsewhere')
    expect(elsewhere).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('There is no Experiment "shorter" in the namespace elsewhere.'),
    })
    expect(await run('experiment', 'get', '--watch')).toMatchObject({ code: 2, stdout: '' })
    expect(await run('experiment', 'stop')).toMatchObject({ code: 2, stdout: '' })
  })

  it('is no success for whoever leaves before the end', async () => {
    const terminal = onTerminal(['experiment', 'get', 'shorter', '--watch'], system.home, { NO_COLOR: '1' })
    try {
      await terminal.until(/▲ Running/)
      await terminal.until(/q quits/)
      expect(terminal.screen()).not.toMatch(/\x1b\[\d+m/)
      terminal.type('q')
      expect(await terminal.exited).toBe(130)
      expect(terminal.screen().endsWith(BACK)).toBe(true)
    } finally {
      terminal.end()
    }
  })

  it('can be ended by hand, once, and is written down as it stands then', async () => {
    const early = await runIn(folder, 'experiment', 'report', 'shorter')
    expect(early).toMatchObject({ code: 0, stderr: '' })
    expect(early.stdout).toMatch(/^Experiment\/shorter, as far as it has come: \/.*\/shorter\.html\n$/)
    expect(readdirSync(folder)).toEqual(['shorter.html'])
    expect(readFileSync(join(folder, 'shorter.html'), 'utf8')).not.toContain('<script')

    const { code, stdout, stderr } = await run('experiment', 'stop', 'shorter')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(
      '~ Experiment/shorter: stopped, inconclusive; all callers go where Route/quiet says; 2 of 2 gateways have it\n' +
        '  What was found until now: strata experiment report shorter\n',
    )
    const again = await run('experiment', 'stop', 'shorter')
    expect(again).toMatchObject({ code: 4, stdout: '' })
    expect(again.stderr).toContain('decided already')
    expect((await run('experiment', 'report', 'shorter', '--out', '-')).stdout).toContain('Decided: inconclusive')
    const refused = await run('experiment', 'report', 'shorter', '--out', join(folder, 'nowhere', 'x.html'))
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('Is there the folder?')
  })
})

describe('one that is decided', () => {
  it('ends what watches it, with 0, and says why', async () => {
    await begin('failing', { route: 'assistant', other: 'assistant-failing' })
    const terminal = onTerminal(['experiment', 'get', 'failing', '--watch'], system.home)
    const lines = onTerminal(['experiment', 'get', 'failing', '--watch', '-o', 'json'], system.home)
    try {
      await terminal.until(/▲ Running/)
      await lines.until(/"phase":"Running"/)
      const logged = run('experiment', 'get', 'failing', '--watch')
      const traffic = users('assistant')
      expect(await terminal.exited).toBe(0)
      expect(await lines.exited).toBe(0)
      const { code, stdout } = await logged
      await traffic.stop()

      const drawn = terminal.screen()
      const after = drawn.slice(drawn.lastIndexOf(BACK) + BACK.length).replace(/\x1b\[\d+m/g, '')
      expect(after).toMatch(/■ Decided: other does harm/)
      expect(after).toMatch(/✗ stopped for harm/)
      expect(after).toMatch(/other is worse: failed are \d+ % of/)
      expect(after).toMatch(/effect +.*−\d+ points \(−\d+ to /)
      expect(after).toMatch(/worse +██████████ {2}proven worse/)
      expect(after).toMatch(/callers come to the arms as set/)
      const last = lines.screen().trimEnd().split('\n').at(-1)!
      expect(JSON.parse(last)).toMatchObject({ status: { phase: 'Decided', decision: 'harm', arm: 'other' } })
      expect(code).toBe(0)
      expect(stdout).toMatch(/^failing {2}■ Decided: other does harm/m)
      expect(stdout).toMatch(/ StoppedForHarm {2}other is worse/)
    } finally {
      terminal.end()
      lines.end()
    }
  })

  it('is one page, over HTTP too, that may do nothing', async () => {
    const answer = await fetch(`${system.consoleUrl}/api/v1alpha1/experiments/failing/report`, {
      headers: { authorization: `Bearer ${system.adminToken}` },
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'")
    const html = await answer.text()
    expect(html).toContain('Decided: other does harm')
    expect(html).toContain('&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(html).toContain('<path class="band"')
    expect(html).not.toMatch(/NaN|undefined|<script/)
    const out = join(folder, 'failing.html')
    expect((await run('experiment', 'report', 'failing', '--out', out)).stdout).toBe(`Experiment/failing, with its decision: ${out}\n`)
    const unclocked = (text: string) => text.replace(/<p class="soft">[^<]* as of [^<]*<\/p>/, '')
    expect(unclocked(readFileSync(out, 'utf8'))).toBe(unclocked(html))

    expect((await fetch(answer.url)).status).toBe(401)
    await expect(system.control('GET', '/experiments/nothing/report')).rejects.toThrow(/There is no Experiment/)
  })
})

it('a release that is not there is answered with the nearest too', async () => {
  const rollout = {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'to-failing' },
    spec: {
      route: 'quiet',
      from: 'assistant-v1',
      to: 'assistant-failing',
      steps: [{ weight: 5 }, { pause: {} }],
      analysis: { metrics: [] },
    },
  }
  await system.control('POST', '/apply', { documents: [rollout] })
  for (const command of ['get', 'abort']) {
    const wrong = await run('rollout', command, 'to-faling')
    expect(wrong).toMatchObject({ code: 5, stdout: '' })
    expect(wrong.stderr).toContain('There is no Rollout "to-faling". Did you mean "to-failing"?')
  }
})
