/** Instances in a real browser: how they come, fail and leave, what they print, one of them at an address of its own, by keyboard and for a viewer. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SystemStatus } from '../../src/control/status.ts'
import { RESTARTED_AT } from '../../src/resources/model-version.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const WIDE = { width: 1280, scheme: 'light' } as const
/** More than one time of asking. */
const A_WHILE_MS = 2_500

const simulated = (parameters: object) => ({ engine: { kind: 'simulated', parameters: { timeToFirstToken: '5ms', ...parameters } } })
const version = (name: string, spec: object, annotations = {}) => ({
  apiVersion: 'strata.dev/v1alpha1',
  kind: 'ModelVersion',
  metadata: { name: `assistant-${name}`, annotations },
  spec: { model: 'assistant', version: name, ...spec },
})
/** It is never placed: no machine has so much memory. */
const image = {
  source: {
    image: {
      name: 'registry.example.com:5000/team/vllm-openai:v0.11.0',
      protocol: 'openai',
      port: 8000,
      args: ['--model', '/models/llama'],
      env: { HF_HUB_OFFLINE: '1', HF_TOKEN: { env: 'THE_TOKEN' } },
      volumes: [{ source: '/srv/models', target: '/models', readOnly: true }],
    },
  },
  resources: { memory: '1000000Gi', gpus: 1 },
  probes: { readiness: { path: '/health' } },
  warmup: { requests: [{ body: { messages: [] } }, { body: { messages: [] } }] },
}

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant({ instances: 2 }) }), launch()])
  await apply(version('slow', { source: simulated({ tokensPerSecond: 2, answerTokens: 2000 }) }), version('image', image))
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

const apply = (...documents: object[]) => system.control('POST', '/apply', { documents })
const idsOf = async (name: string) => {
  const { versions } = await system.control<SystemStatus>('GET', '/status')
  return versions.find((each) => each.version === name)!.instances.list.map(({ id }) => id)
}
const rowOf = (page: Page, id: string) => page.getByRole('table', { name: 'Instances' }).locator('tbody tr').filter({ hasText: id })
const historyIn = (page: Page) => page.getByRole('dialog').getByRole('list', { name: 'History of its states' })
const logOf = (page: Page, id: string) => page.getByRole('region', { name: `What ${id} has printed` })
const prints = (id: string, ...lines: string[]) =>
  appendFileSync(join(system.home, 'logs', `engine-${id}.log`), lines.map((line) => `${line}\n`).join(''))

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows an instance and a version of an image without serious findings of axe', async () => {
    const [id] = await idsOf('v1')
    prints(id!, `a line that is long: ${'0123456789'.repeat(40)}`)
    const { page, errors } = await signIn(browser, system, { width, scheme, path: `/models/assistant/v1?instance=${id}` })
    await page.getByRole('dialog').getByText('It gets requests.').waitFor()
    await logOf(page, id!).getByText('a line that is long').last().waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.goto(`${system.consoleUrl}/models/assistant/image`)
    await page.getByRole('table', { name: 'Instances' }).getByText('not enough memory').waitFor({ timeout: 20_000 })
    const made = page.getByRole('region', { name: 'What it is made of' })
    await made.getByText('OpenAI on port 8000').waitFor()
    await made.getByText('HF_TOKEN from the environment variable THE_TOKEN').waitFor()
    await made.getByText('/srv/models at /models, to read only').waitFor()
    const runs = page.getByRole('region', { name: 'How it runs' })
    await runs.getByText('each is a container of Docker').waitFor()
    await runs.getByText('1000000Gi of memory, 1 GPU').waitFor()
    await runs.getByText('GET /health every 1s').waitFor()
    await runs.getByText('2 requests to a new instance').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.goto(`${system.consoleUrl}/models`)
    await page.getByRole('table', { name: 'Versions by model' }).getByText('not enough memory').waitFor()
    if (width > 1000) await page.getByText('registry.example.com:5000/team/vllm-openai').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('an instance', () => {
  it('is seen as it starts and when it is ready, with how long each took', async () => {
    await apply(version('late', { source: simulated({ startupTime: '6s' }) }))
    const { page } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/late' })
    const [id] = await idsOf('late')
    await rowOf(page, id!)
      .getByText(/^(starting|loading)$/)
      .waitFor()
    await rowOf(page, id!).getByRole('link').press('Enter')
    await page.getByRole('dialog').getByText('It answers, and says that it is not ready for requests.').waitFor()
    await page.getByRole('dialog').getByText('It gets requests.').waitFor({ timeout: 20_000 })
    const states = await historyIn(page).locator('.state-word').allTextContents()
    expect(states.map((state) => state.trim())).toEqual(expect.arrayContaining(['ready', 'loading']))
    await historyIn(page).getByRole('listitem').filter({ hasText: 'loading' }).getByText('for ').first().waitFor()
    await page.context().close()
  })

  it('that was killed shows why, and that it was started again', async () => {
    const [, id] = await idsOf('v1')
    const { page, errors } = await signIn(browser, system, { ...WIDE, path: `/models/assistant/v1?instance=${id}` })
    await logOf(page, id!).getByText('"message":"ready"').waitFor()
    await system.kill(`engine-${id}`)
    await historyIn(page).getByText('killed by SIGKILL').first().waitFor({ timeout: 20_000 })
    await page.getByRole('dialog').getByText('1: its program ended and was started again').waitFor()
    await page.getByRole('dialog').getByText('It gets requests.').waitFor({ timeout: 20_000 })
    // What the new run says follows by itself.
    await expect.poll(() => logOf(page, id!).getByText('"message":"ready"').count(), { timeout: 10_000 }).toBe(2)
    await page.keyboard.press('Escape')
    await rowOf(page, id!).locator('[data-heading=Restarts]').getByText('1', { exact: true }).waitFor()
    expect(errors).toEqual([])
    await page.context().close()
  })

  it('that is replaced drains, leaves, and is still there to be read of for a while', async () => {
    const [old] = await idsOf('slow')
    const { page, errors } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/slow' })
    await rowOf(page, old!).getByText('ready', { exact: true }).waitFor()
    const leave = new AbortController()
    const answer = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}` },
      body: JSON.stringify({ model: 'assistant@slow', stream: true, messages: [{ role: 'user', content: 'Go on' }] }),
      signal: leave.signal,
    })
    await answer.body!.getReader().read()

    const source = simulated({ tokensPerSecond: 2, answerTokens: 2000 })
    await apply(version('slow', { source }, { [RESTARTED_AT]: new Date().toISOString() }))
    await rowOf(page, old!).getByText('draining', { exact: true }).waitFor({ timeout: 20_000 })
    await rowOf(page, old!).getByText('1 of 16').waitFor()
    const fresh = (await idsOf('slow')).find((id) => id !== old)!
    await rowOf(page, fresh).getByText('ready', { exact: true }).waitFor({ timeout: 20_000 })
    await rowOf(page, old!).getByRole('link').press('Enter')
    await page.getByRole('dialog').getByText('those that it has may finish').waitFor()
    await logOf(page, old!).getByText('"message":"ready"').waitFor()

    leave.abort()
    await page.getByRole('dialog').getByText('It has left: it was replaced').waitFor({ timeout: 20_000 })
    // What was read stays to be read.
    await logOf(page, old!).getByText('"message":"ready"').waitFor()
    await page.reload()
    await page.getByRole('dialog').getByText('what it printed cannot be asked for any more').waitFor()
    await page.keyboard.press('Escape')
    const rows = page.getByRole('table', { name: 'Instances' }).locator('tbody tr')
    await rows.last().getByText('stopped', { exact: true }).waitFor()
    expect(await rows.last().getAttribute('class')).toContain('quiet')
    expect(await seriousFindings(page)).toEqual([])
    expect(errors.filter((error) => !error.includes('404'))).toEqual([])
    await page.context().close()
  })

  it('of which nobody knows is told as such', async () => {
    const { page, errors } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/v1?instance=assistant-v1-9-nobody' })
    await page.getByRole('dialog').getByText('No instance of this version has that id any more.').waitFor()
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('what it prints', () => {
  const numbered = (from: number) => Array.from({ length: 60 }, (_, at) => `line ${from + at}`)

  it('is followed, stays where one reads, and can be stopped', async () => {
    const [id] = await idsOf('v1')
    prints(id!, '\x1b[32mline 0\x1b[0m', ...numbered(1))
    const { page } = await signIn(browser, system, { ...WIDE, path: `/models/assistant/v1?instance=${id}` })
    const log = logOf(page, id!)
    const dialog = page.getByRole('dialog')
    const line = (n: number) => log.getByText(`line ${n}`, { exact: true })
    await line(60).waitFor()
    await line(0).waitFor()
    const fromEnd = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight)
    await expect.poll(fromEnd).toBeLessThan(12)
    prints(id!, ...numbered(61))
    await line(120).waitFor()
    await expect.poll(fromEnd).toBeLessThan(12)

    await log.focus()
    await page.keyboard.press('PageUp')
    await dialog.getByText('held while you read').waitFor()
    const asked: string[] = []
    page.on('request', (request) => void (request.url().includes('/logs') && asked.push(request.url())))
    const top = () => log.evaluate((box) => box.scrollTop)
    // A key scrolls for a moment.
    const atRest = async () => {
      const from = await top()
      await sleep(250)
      return (await top()) === from
    }
    await expect.poll(atRest).toBe(true)
    const before = await top()
    prints(id!, ...numbered(121))
    await sleep(A_WHILE_MS)
    expect([await line(180).count(), await top(), asked]).toEqual([0, before, []])

    await dialog.getByRole('button', { name: 'Follow' }).press('Enter')
    await line(180).waitFor()
    await expect.poll(fromEnd).toBeLessThan(12)
    await dialog.getByRole('button', { name: 'Stop' }).press('Enter')
    await dialog.getByText('stopped', { exact: true }).waitFor()
    await sleep(A_WHILE_MS)
    asked.length = 0
    await sleep(A_WHILE_MS)
    expect(asked).toEqual([])
    await page.context().close()
  })

  it('is for editors, and a viewer is told so', async () => {
    const [id] = await idsOf('v1')
    const { page, errors } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: `/models/assistant/v1?instance=${id}` })
    await page.getByRole('dialog').getByText('takes the role editor').waitFor()
    await historyIn(page).getByText('ready').first().waitFor()
    expect(await page.getByRole('dialog').getByRole('button', { name: 'Follow' }).count()).toBe(0)
    expect(await seriousFindings(page)).toEqual([])
    // It was not even asked for: control would have refused.
    expect(errors).toEqual([])
    await page.context().close()
  })
})

it('is opened and closed by keys, at an address that survives a reload, and the focus comes back', async () => {
  const [first, second] = await idsOf('v1')
  const { page } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/v1' })
  await rowOf(page, first!).getByRole('link').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: second! }).waitFor()
  expect(new URL(page.url()).searchParams.get('instance')).toBe(second)
  await expect.poll(() => page.title()).toBe(`${second} · assistant@v1 · Models · Strata`)
  await logOf(page, second!).waitFor()
  const reached = new Set<string>()
  for (let presses = 0; presses < 6; presses++) {
    reached.add(await page.evaluate<string>('document.activeElement.ariaLabel ?? document.activeElement.textContent'))
    await page.keyboard.press('Tab')
  }
  expect([...reached]).toEqual(expect.arrayContaining(['Close', 'Stop', 'Copy', `What ${second} has printed`]))
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  expect(new URL(page.url()).search).toBe('')
  await expect.poll(() => page.evaluate<string>('document.activeElement.textContent')).toBe(second)

  await page.goBack()
  await page.getByRole('dialog', { name: second! }).waitFor()
  await page.reload()
  await logOf(page, second!).waitFor()
  await restartControl(page, system)
  prints(second!, 'after the restart of control')
  await logOf(page, second!).getByText('after the restart of control').waitFor({ timeout: 20_000 })
  await page.context().close()
})

it('is opened from the overview', async () => {
  const [id] = await idsOf('v1')
  const { page } = await signIn(browser, system, { ...WIDE, path: `/?show=${encodeURIComponent(`Process/engine-${id}`)}` })
  await historyIn(page).getByText('ready').first().waitFor()
  await page.getByText('a process beside Strata itself').waitFor()
  expect(await seriousFindings(page)).toEqual([])
  await page.getByRole('link', { name: 'Open the instance' }).press('Enter')
  await page.getByRole('dialog', { name: id! }).getByText('It gets requests.').waitFor()
  await page.context().close()
})
