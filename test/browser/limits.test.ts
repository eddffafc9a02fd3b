/** Limits in a real browser: what is left on two gateways, who was refused, and changing what they say. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const ASKED = 'Will it rain tomorrow?'
const WIDE = { width: 1280, scheme: 'light' } as const

let system: System
let browser: Browser
let key: string
let limited = 0
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant(), gateways: 2 }), launch()])
  await system.control('POST', '/apply', {
    documents: [
      {
        ...head,
        kind: 'Limit',
        metadata: { name: 'small' },
        spec: { per: 'key', rules: [{ requests: 10, every: '10h' }, { concurrent: 4 }] },
      },
      { ...head, kind: 'Limit', metadata: { name: 'unused' }, spec: { per: 'all', rules: [{ tokens: 1_000_000, every: '1h' }] } },
      { ...head, kind: 'Consumer', metadata: { name: 'shop' }, spec: { limits: ['small'] } },
    ],
  })
  key = (await system.control<{ secret: string }>('POST', '/keys', { consumer: 'shop', name: 'shop-web' })).secret
  for (let i = 0; i < 40; i++) if ((await ask()) === 429) limited += 1
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

/** On a connection of its own each, so that both gateways get some. */
async function ask(): Promise<number> {
  const answer = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, connection: 'close' },
    body: JSON.stringify({ model: 'assistant', max_tokens: 2, messages: [{ role: 'user', content: ASKED }] }),
  })
  await answer.text()
  return answer.status
}

const rowOf = (page: Page, table: string, text: string) =>
  page.getByRole('table', { name: table }).locator('tbody tr').filter({ hasText: text })
const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true, level: 1 })

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows all limits and one of them without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/limits' })
    await rowOf(page, 'Limits', 'small').getByText('10 requests in 10h').waitFor()
    await rowOf(page, 'Limits', 'small').getByText(String(limited), { exact: true }).waitFor({ timeout: 15_000 })
    await rowOf(page, 'Limits', 'small')
      .getByText(/\d of 10 requests/)
      .waitFor()
    await rowOf(page, 'Limits', 'unused').getByText('all of it').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await rowOf(page, 'Limits', 'small').locator('.row-entry').press('Enter')
    await heading(page, 'small').waitFor()
    await page.getByText('2 gateways, each admits its own share').waitFor()
    await page.getByRole('figure', { name: `${limited} refused in the last hour, by the minute` }).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('region', { name: 'Change of Limit/small' }).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('a limit', () => {
  it('says what is left on each gateway, and whom it refused, down to the requests', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/limits/small' })
    const left = rowOf(page, 'Left right now', 'shop-web')
    const [of0, of1] = await Promise.all(
      ['gateway-0', 'gateway-1'].map(async (gateway) => {
        const text = (await left.getByText(new RegExp(`${gateway} \\d/5`)).textContent())!
        return Number(/ (\d)\/5/.exec(text)![1])
      }),
    )
    await left.getByText(`${of0! + of1!} of 10`, { exact: true }).waitFor()
    expect(of0! + of1!).toBe(10 - (40 - limited))
    await rowOf(page, 'Who was refused', 'shop').getByText('shop-web').waitFor()
    await rowOf(page, 'Who was refused', 'shop').locator('.row-entry').press('Enter')
    await page.getByRole('button', { name: 'Take away the filter limit: small' }).waitFor()
    const requests = page.getByRole('table', { name: 'Requests' })
    await expect.poll(async () => Number(await requests.getAttribute('aria-rowcount')) - 1).toBe(limited)
    await page.context().close()
  })

  it('is made, changed and deleted by keyboard alone', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/limits' })
    await page.getByRole('button', { name: 'New limit' }).press('Enter')
    await page.keyboard.type('fresh')
    await page.getByRole('button', { name: 'Add a rule' }).press('Enter')
    expect(await page.getByRole('button', { name: 'Review it' }).isDisabled()).toBe(true)
    await page.getByRole('textbox', { name: 'Rule 2: how many' }).focus()
    await page.keyboard.type('5000')
    await page.keyboard.press('Enter')
    await page.locator('.difference').getByText('tokens: 5000').waitFor()
    await page.getByRole('button', { name: 'Make the limit' }).press('Enter')
    await heading(page, 'fresh').waitFor()
    await page.getByText('nobody: no consumer and no route names it').waitFor()

    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('textbox', { name: 'Rule 1: most at once' }).focus()
    await page.keyboard.type('7')
    await page.keyboard.press('Enter')
    await page.locator('.difference .added').filter({ hasText: 'burst: 7' }).waitFor()
    await page.getByRole('button', { name: 'Apply' }).press('Enter')
    await page.getByText('60 requests a minute, at most 7 at once').waitFor()
    expect((await system.control<Resource<'Limit'>>('GET', '/limits/fresh')).spec.rules[0]).toMatchObject({ requests: 60, burst: 7 })

    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    await page.getByRole('dialog').getByText('Nobody names it').waitFor()
    await page.keyboard.type('fresh')
    await page.keyboard.press('Enter')
    await heading(page, 'Limits').waitFor()
    await page.context().close()
  })

  it('that somebody still names is not deleted, and it is said who does', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/limits/small' })
    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('shop names it: take it out there first').waitFor()
    await page.keyboard.type('small')
    await page.keyboard.press('Enter')
    await dialog.getByRole('alert').getByText('Consumer/shop').waitFor()
    await page.context().close()
  })

  it('that somebody else has changed meanwhile is not overwritten', async () => {
    await system.control('POST', '/apply', {
      documents: [{ ...head, kind: 'Limit', metadata: { name: 'shared' }, spec: { rules: [{ requests: 5, every: '1m' }] } }],
    })
    const { page } = await signIn(browser, system, { ...WIDE, path: '/limits/shared' })
    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('textbox', { name: 'Rule 1: how many' }).fill('6')
    await system.control('POST', '/apply', {
      documents: [{ ...head, kind: 'Limit', metadata: { name: 'shared' }, spec: { rules: [{ requests: 50, every: '1m' }] } }],
    })
    await page.getByRole('heading', { name: 'Change of Limit/shared' }).waitFor()
    // The page has read the newer one by now; the edit still belongs to the one that it was begun on.
    await page.waitForResponse((response) => response.url().endsWith('/limits') && response.ok())
    await page.getByRole('button', { name: 'Review it' }).press('Enter')
    await page.getByRole('alert').getByText('Somebody has changed Limit/shared').waitFor()
    expect((await system.control<Resource<'Limit'>>('GET', '/limits/shared')).spec.rules).toEqual([{ requests: 50, every: '1m' }])
    await page.context().close()
  })
})

it('a viewer sees all of it, may change nothing, and is told so', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: '/limits/small' })
  await page.getByText('You are signed in as viewer. To change limits takes the role editor').waitFor()
  await rowOf(page, 'Left right now', 'shop-web').waitFor()
  for (const name of ['Delete…', 'Change']) expect(await page.getByRole('button', { name }).count()).toBe(0)
  await page.context().close()
})

it('knows whom it refused also after a restart of control', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/limits/small' })
  await page.getByText('live', { exact: true }).waitFor()
  await restartControl(page, system)
  await page.reload()
  await page.getByRole('figure', { name: `${limited} refused in the last hour, by the minute` }).waitFor({ timeout: 15_000 })
  await rowOf(page, 'Left right now', 'shop-web').waitFor()
  await page.context().close()
})

it('what was asked is nowhere in the records where that is not switched on', async () => {
  const folder = join(system.home, 'records')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ndjson'))
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('')
  expect(text).toContain('"outcome":"limited"')
  expect(text).not.toContain(ASKED)
})
