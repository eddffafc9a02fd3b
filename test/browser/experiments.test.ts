/** Experiments in a real browser: an empty list, one that runs with what its arms show, its end by a person, a viewer. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const WIDE = { width: 1280, scheme: 'light' } as const
const NAME = 'shorter-answers-for-all-who-ask-from-a-telephone'
const EXPERIMENT = {
  apiVersion: 'strata.dev/v1alpha1',
  kind: 'Experiment',
  metadata: { name: NAME },
  spec: {
    route: 'assistant',
    assignBy: { else: 'random' },
    arms: [
      { name: 'control', version: 'assistant-v1', weight: 50 },
      {
        name: 'short',
        version: 'assistant-v1',
        weight: 50,
        prompt: { system: 'Answer in <one> sentence & no more.' },
        sampling: { temperature: 0.2 },
      },
    ],
    primary: { name: 'errorRate', minimumEffect: 1 },
    guardrails: [{ name: 'tokensPerAnswer', most: 64, watch: true }],
    analysis: { window: '1s' },
  },
}

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

const experiment = () => system.control<Resource<'Experiment'>>('GET', `/experiments/${NAME}`)
const until = (holds: () => Promise<unknown>) => vi.waitFor(holds, { timeout: 30_000, interval: 100 })
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
const state = (page: Page, text: string) => page.locator('.page-title').getByText(text).waitFor({ timeout: 20_000 })

it('an empty list teaches what one is, with a manifest that can be applied as it stands', async () => {
  const { page, errors } = await signIn(browser, system, { ...WIDE, path: '/experiments' })
  await page.getByText('No experiment yet').waitFor()
  const manifest = (await page.locator('pre').textContent())!
  const { changes } = await system.control<{ changes: { action: string }[] }>('POST', '/apply', {
    documents: [parse(manifest)],
    dryRun: true,
  })
  expect(changes.map(({ action }) => action)).toEqual(['create'])
  expect(await seriousFindings(page)).toEqual([])
  expect(errors).toEqual([])
  await page.context().close()
})

describe('while it runs', () => {
  beforeAll(async () => {
    await system.control('POST', '/apply', { documents: [EXPERIMENT] })
    await until(async () => expect((await experiment()).status?.phase).toBe('Running'))
    await until(async () => {
      await ask(40)
      const arm = (await experiment()).status?.arms?.[1]
      expect(arm?.effect?.value).toBeDefined()
      expect(arm?.course?.length).toBeGreaterThan(1)
    })
  })

  it('is a row, and a page with what its arms are and show, at all widths', async () => {
    for (const [width, scheme] of SIZES) {
      const { page, errors } = await signIn(browser, system, { width, scheme, path: '/experiments' })
      await page.getByRole('table', { name: 'Experiments' }).getByText('control, short').waitFor()
      expect(await scrollsSideways(page)).toBe(false)
      expect(await seriousFindings(page)).toEqual([])
      await page.locator('.row-entry').first().press('Enter')
      await state(page, 'Running')
      await page.getByLabel('Prompt of short').getByText('Answer in <one> sentence & no more.').waitFor()
      const found = page.getByRole('region', { name: 'short beside control' })
      await found.getByText('95 % interval').waitFor()
      await found.getByText('exact: holds for any number of callers').waitFor()
      await found.getByText('of the proof that it is not better by 1 point').waitFor()
      await found.getByRole('table', { name: 'tokensPerAnswer of control and short' }).waitFor()
      await found.getByRole('figure', { name: 'The effect of short over time' }).locator('canvas').waitFor()
      await page.getByText('Callers come to the arms as set').waitFor()
      expect(await scrollsSideways(page)).toBe(false)
      expect(await seriousFindings(page)).toEqual([])
      expect(errors).toEqual([])
      await page.context().close()
    }
  })

  it('its route says that it decides, and leads to it; the report opens', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    await page.getByRole('link', { name: `the experiment ${NAME}` }).press('Enter')
    await state(page, 'Running')
    const [report] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Report' }).click()])
    await report.getByRole('heading', { level: 1, name: NAME }).waitFor()
    await page.context().close()
  })

  it('a viewer sees all of it, and no button that would be refused', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: `/experiments/${NAME}` })
    await page.getByText('To stop an experiment takes the role editor').waitFor()
    expect(await page.getByRole('button', { name: 'Stop…' }).count()).toBe(0)
    await page.context().close()
  })

  it('a person stops it by keyboard, after its name', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: `/experiments/${NAME}` })
    await page.getByRole('button', { name: 'Stop…' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Callers are not divided any more').waitFor()
    expect(await dialog.getByRole('button', { name: 'Stop the experiment' }).isEnabled()).toBe(false)
    await page.keyboard.type(NAME)
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'hidden' })
    await state(page, 'Decided: inconclusive')
    expect(await page.getByRole('button', { name: 'Stop…' }).count()).toBe(0)
    expect((await experiment()).status?.decision).toBe('inconclusive')
    await page.context().close()
  })
})
