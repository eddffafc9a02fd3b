/** Releases in a real browser: steered by keyboard alone, both versions side by side, a restart of control in between, a viewer, an empty system. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const WIDE = { width: 1280, scheme: 'light' } as const
const NAME = 'assistant-v2'
const V2 = {
  ...head,
  kind: 'ModelVersion',
  metadata: { name: NAME },
  spec: {
    model: 'assistant',
    version: 'v2',
    source: { engine: { kind: 'simulated', parameters: { timeToFirstToken: '5ms', tokensPerSecond: 500 } } },
  },
}
const ROUTE = {
  ...head,
  kind: 'Route',
  metadata: { name: 'assistant' },
  spec: { models: ['assistant'], targets: [{ version: 'assistant-v1', weight: 100 }], stickyBy: { else: 'random' } },
}
/** Times are only watched: how slow this machine is at the moment decides nothing. */
const ROLLOUT = {
  ...head,
  kind: 'Rollout',
  metadata: { name: NAME },
  spec: {
    route: 'assistant',
    from: 'assistant-v1',
    to: NAME,
    steps: [{ weight: 20 }, { pause: '1h' }, { weight: 50 }, { pause: {} }],
    preview: { headers: { 'x-preview': 'v2' } },
    analysis: {
      window: '1s',
      metrics: [{ name: 'errorRate' }, { name: 'totalTime', watch: true }, { name: 'tokensPerAnswer', most: 64, watch: true }],
    },
  },
}

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
  await system.control('POST', '/apply', { documents: [V2, ROUTE] })
  await until(async () => expect((await version()).status?.state).toBe('Ready'))
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

const version = () => system.control<Resource<'ModelVersion'>>('GET', `/modelversions/${NAME}`)
const release = () => system.control<Resource<'Rollout'>>('GET', `/rollouts/${NAME}`)
const apply = (...documents: object[]) => system.control('POST', '/apply', { documents })
const until = (holds: () => Promise<unknown>) => vi.waitFor(holds, { timeout: 20_000, interval: 100 })
const ask = async (times: number) => {
  for (let i = 0; i < times; i++)
    await (
      await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${system.apiKey}` },
        body: JSON.stringify({ model: 'assistant', max_tokens: 4, messages: [{ role: 'user', content: 'Hi' }] }),
      })
    ).text()
}
const press = (page: Page, name: string) => page.getByRole('main').getByRole('button', { name, exact: true }).press('Enter')
const said = (page: Page, text: string) => page.getByRole('main').getByRole('status').filter({ hasText: text }).waitFor()
const state = (page: Page, text: string) => page.locator('.page-title').getByText(text).waitFor({ timeout: 20_000 })
/** Says no to a wrong name, yes to the right one. */
const confirm = async (page: Page, told: string, verb: string) => {
  const dialog = page.getByRole('dialog')
  await dialog.getByText(told).waitFor()
  await page.keyboard.type('assistant')
  expect(await dialog.getByRole('button', { name: verb }).isEnabled()).toBe(false)
  await page.keyboard.type('-v2')
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
}
const focused = (page: Page) => page.evaluate<string>('document.activeElement.getAttribute("role") ?? document.activeElement.tagName')

describe.each(SIZES)('before the first one: %i px, %s', (width, scheme) => {
  it('teaches what a release is, with a manifest of what there is', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/releases' })
    await page.getByText('No release yet').waitFor()
    expect(await page.locator('pre').textContent()).toContain('to: assistant-v2')
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

it('the manifest that is shown there starts one', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/releases' })
  const manifest = (await page.locator('pre').textContent())!
  const { changes } = await system.control<{ changes: { action: string }[] }>('POST', '/apply', {
    documents: [parse(manifest)],
    dryRun: true,
  })
  expect(changes.map(({ action }) => action)).toEqual(['create'])
  await page.context().close()
})

describe('while it runs', () => {
  beforeAll(async () => {
    await apply(ROLLOUT)
    await until(async () => expect((await release()).status?.phase).toBe('Progressing'))
    await ask(250)
    await until(async () => expect((await release()).status?.analysis?.[0]?.candidate.units).toBeGreaterThan(5))
  })

  it.each(SIZES)('is a row, and a page without serious findings of axe: %i px, %s', async (width, scheme) => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/releases' })
    await page.getByRole('table', { name: 'Releases' }).getByText('assistant-v1 → assistant-v2').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.locator('.row-entry').first().press('Enter')
    await state(page, 'Progressing')
    expect(await page.title()).toBe('assistant-v2 · Releases · Strata')
    await page.getByText('assistant-v1 80\u202f% → assistant-v2 20\u202f%').waitFor()
    const steps = page.getByRole('list', { name: 'Steps' })
    expect(await steps.getByRole('listitem').count()).toBe(5)
    expect(await steps.locator('[aria-current=step]').textContent()).toMatch(/pause 1h now\d+m left/)
    const errorRate = page.getByRole('region', { name: 'errorRate' })
    await errorRate.getByText('share of requests that failed').waitFor()
    await errorRate.getByText('of the proof that it is not worse by 0.5 points').waitFor()
    await errorRate.getByText(/Missing: about [\d,]+ more units/).waitFor()
    await page.getByRole('region', { name: 'tokensPerAnswer' }).getByText('only watched').waitFor()
    await page.getByRole('region', { name: 'How it decides' }).getByText('x-preview: v2').waitFor()
    await page.getByRole('region', { name: 'What happened' }).getByText('assistant-v2 gets 20\u202f% of what went').waitFor()
    // What comes while it is open is drawn.
    await ask(40)
    await errorRate.locator('canvas').waitFor({ timeout: 15_000 })
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.getByRole('button', { name: 'Abort…' }).click()
    await page.getByRole('dialog').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.keyboard.press('Escape')
    expect(errors).toEqual([])
    await page.context().close()
  })

  it('its route says that it decides, and leads to it', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    await page.getByText('What runs is decided by the release assistant-v2: assistant-v1 80\u202f%, assistant-v2 20\u202f%').waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('link', { name: 'the release assistant-v2' }).press('Enter')
    await state(page, 'Progressing')
    await page.context().close()
  })

  it('a viewer sees all of it, and no button that would be refused', async () => {
    const { page, errors } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: `/releases/${NAME}` })
    await page.getByText('To tell a release what to do takes the role editor').waitFor()
    await page.getByRole('region', { name: 'errorRate' }).waitFor()
    expect(await page.getByRole('button', { name: /Pause|Resume|Promote|Abort|Undo|Try|Delete/ }).count()).toBe(0)
    expect(errors).toEqual([])
    await page.context().close()
  })

  it('survives a restart of control, with what was seen before and what was done meanwhile', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: `/releases/${NAME}` })
    const errorRate = page.getByRole('region', { name: 'errorRate' })
    await state(page, 'Progressing')
    await ask(20)
    await errorRate.locator('canvas').waitFor({ timeout: 15_000 })
    await restartControl(page, system)
    await system.control('POST', `/rollouts/${NAME}/pause`)
    await state(page, 'Paused')
    await errorRate.locator('canvas').waitFor()
    await press(page, 'Resume')
    await said(page, 'Goes on at 20\u202f%')
    await page.context().close()
  })

  it('is steered by keyboard alone, and what takes traffic away at once asks for the name', async () => {
    const { page, errors } = await signIn(browser, system, { ...WIDE, path: `/releases/${NAME}` })
    await press(page, 'Pause')
    await said(page, 'Paused at 20\u202f%')
    await page.getByText(/Every gateway has it, after \d/).waitFor()
    expect(await focused(page)).toBe('status')
    await press(page, 'Resume')
    await said(page, 'Goes on at 20\u202f%')
    await press(page, 'Promote one step')
    await page.getByText('until somebody promotes', { exact: true }).waitFor({ timeout: 20_000 })
    await page.getByText('assistant-v1 50\u202f% → assistant-v2 50\u202f%').waitFor()

    await press(page, 'Abort…')
    await confirm(page, 'assistant-v2 has 50\u202f% now', 'Abort the release')
    await said(page, 'Everything goes to assistant-v1 again')
    await state(page, 'Degraded')
    await expect.poll(() => focused(page)).toBe('status')
    expect(await seriousFindings(page)).toEqual([])

    await press(page, 'Try again')
    await state(page, 'try 2')
    await state(page, 'Progressing')
    await press(page, 'Promote fully…')
    await confirm(page, 'assistant-v2 gets all of what goes to assistant-v1', 'Promote it fully')
    await said(page, 'assistant-v2 has all of what went to assistant-v1')
    await state(page, 'Healthy')
    await page.getByText('assistant-v1 0\u202f% → assistant-v2 100\u202f%').waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await press(page, 'Delete…')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type(NAME)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByText('without the rollout its traffic would go back there').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })

    await press(page, 'Undo…')
    await confirm(page, 'Everything of it goes to assistant-v1 again', 'Undo the release')
    await state(page, 'Degraded')
    const history = page.getByRole('region', { name: 'History' })
    for (const deed of [
      'undid it',
      'promoted it fully',
      'tried it again',
      'aborted it',
      'promoted it by a step',
      'resumed it',
      'paused it',
    ])
      await history.getByText(deed).first().waitFor()
    await press(page, 'Delete…')
    await confirm(page, 'The release is gone', 'Delete the release')
    await page.getByText('No release yet').waitFor()
    expect(errors.filter((error) => !error.includes('409'))).toEqual([])
    await page.context().close()
  })
})

it('one that is not there is told as such', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/releases/nothing' })
  await page.getByText('There is no release nothing.').waitFor()
  expect(await page.title()).toBe('nothing · Releases · Strata')
  await page.context().close()
})
