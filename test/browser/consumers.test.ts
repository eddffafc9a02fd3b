/** Consumers and their keys in a real browser: made, used, shown once, revoked by name, with word of when every gateway refuses it. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const WIDE = { width: 1280, scheme: 'light' } as const

let system: System
let browser: Browser
let shopKey: string
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant(), gateways: 2 }), launch()])
  await system.control('POST', '/apply', {
    documents: [
      { ...head, kind: 'Limit', metadata: { name: 'small' }, spec: { per: 'consumer', rules: [{ requests: 6, every: '1h' }] } },
      { ...head, kind: 'Consumer', metadata: { name: 'shop' }, spec: { limits: ['small'], priority: 'interactive' } },
    ],
  })
  const made = await system.control<{ secret: string }>('POST', '/keys', { consumer: 'shop', name: 'shop-web', expires: '2099-01-01' })
  shopKey = made.secret
  for (let i = 0; i < 12; i++) await ask(shopKey)
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

async function ask(key: string): Promise<number> {
  const answer = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'assistant', max_tokens: 4, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await answer.text()
  return answer.status
}

const keyRow = (page: Page, name: string) => page.getByRole('table', { name: 'Keys' }).locator('tbody tr').filter({ hasText: name })
const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true, level: 1 })

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows all consumers and one of them without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/consumers' })
    const shop = page.getByRole('table', { name: 'Consumers' }).locator('tbody tr').filter({ hasText: 'shop' })
    await shop.getByText('12', { exact: true }).waitFor({ timeout: 15_000 })
    await shop.getByText(/s ago|min ago/).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await shop.locator('.row-entry').press('Enter')
    await heading(page, 'shop').waitFor()
    await keyRow(page, 'shop-web').getByText('active').waitFor()
    await keyRow(page, 'shop-web')
      .getByText(/s ago|min ago/)
      .first()
      .waitFor()
    await page.getByRole('figure', { name: /^12 requests in the last 24 hours/ }).waitFor({ timeout: 15_000 })
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('region', { name: 'Change of Consumer/shop' }).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('a consumer', () => {
  it('is made, changed and deleted by keyboard alone', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/consumers' })
    await page.getByRole('button', { name: 'New consumer' }).press('Enter')
    await page.keyboard.type('mobile')
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'New consumer' }).getByText('priority: standard').waitFor()
    await page.getByRole('button', { name: 'Make the consumer' }).press('Enter')
    await heading(page, 'mobile').waitFor()
    expect(new URL(page.url()).pathname).toBe('/consumers/mobile')

    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('combobox', { name: 'Limits' }).focus()
    await page.keyboard.type('small')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Review it' }).press('Enter')
    await page.locator('.difference .added').filter({ hasText: 'small' }).waitFor()
    await page.getByRole('button', { name: 'Apply' }).press('Enter')
    await page.getByRole('link', { name: 'small' }).waitFor()
    const { spec } = await system.control<Resource<'Consumer'>>('GET', '/consumers/mobile')
    expect(spec.limits).toEqual(['small'])

    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('It has no keys.').waitFor()
    expect(await dialog.getByRole('button', { name: 'Delete the consumer' }).isDisabled()).toBe(true)
    await dialog.getByRole('textbox').fill('mobile')
    await page.keyboard.press('Enter')
    await heading(page, 'Consumers').waitFor()
    await expect(system.control('GET', '/consumers/mobile')).rejects.toThrow()
    await page.context().close()
  })

  it('that names what is not there is told where', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/consumers?create=1' })
    await page.getByRole('textbox', { name: 'Name' }).fill('wrong')
    await page.getByRole('combobox', { name: 'Limits' }).focus()
    await page.keyboard.type('nothing-like-it')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Review it' }).press('Enter')
    await page.getByRole('alert').getByText('spec.limits[0]').waitFor()
    await page.context().close()
  })
})

describe('a key', () => {
  it('is shown once, works, and is revoked by name, everywhere', async () => {
    await system.control('POST', '/apply', { documents: [{ ...head, kind: 'Consumer', metadata: { name: 'keyed' }, spec: {} }] })
    const { page } = await signIn(browser, system, { ...WIDE, path: '/consumers/keyed' })
    await page.getByRole('textbox', { name: 'New key' }).fill('keyed-web')
    await page.keyboard.press('Enter')
    const once = page.getByRole('region', { name: 'Key keyed-web' })
    const secret = (await once.locator('.secret').textContent())!
    expect(secret).toMatch(/^sk-strata-\w{40}$/)
    expect(await once.getByText(`curl -sN ${system.gatewayUrl}/v1/chat/completions`).textContent()).toContain(
      `${secret}" -H 'content-type: application/json' \\\n  -d '{"model":"assistant"`,
    )
    expect(await ask(secret)).toBe(200)
    expect(await seriousFindings(page)).toEqual([])
    await once.getByRole('button', { name: 'I have put it away' }).press('Enter')
    await keyRow(page, 'keyed-web').waitFor()
    expect(await page.content()).not.toContain(secret)
    await keyRow(page, 'keyed-web').getByText(/s ago/).first().waitFor({ timeout: 15_000 })

    await page.getByRole('button', { name: 'Revoke keyed-web' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Whoever still sends it gets 401').waitFor()
    await page.keyboard.type('keyed-web')
    await page.keyboard.press('Enter')
    await page.getByText(/keyed-web is revoked everywhere after \d/).waitFor()
    for (let i = 0; i < 6; i++) expect(await ask(secret)).toBe(401)
    await keyRow(page, 'keyed-web').getByText('revoked', { exact: true }).waitFor()
    expect(await page.getByRole('button', { name: 'Revoke keyed-web' }).count()).toBe(0)
    await page.context().close()
  })

  it('of a name that is taken is refused in words', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/consumers/shop' })
    await page.getByRole('textbox', { name: 'New key' }).fill('shop-web')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('There is a key "shop-web" already.').waitFor()
    await page.context().close()
  })
})

it('a viewer sees all of it, may change nothing, and is told so', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: '/consumers/shop' })
  await keyRow(page, 'shop-web').waitFor()
  await page.getByText('You are signed in as viewer. To change consumers takes the role editor').waitFor()
  await page.getByText('Making and revoking keys takes the role admin.').waitFor()
  for (const name of ['Delete…', 'Change', 'Make the key', 'Revoke shop-web'])
    expect(await page.getByRole('button', { name }).count()).toBe(0)
  await page.context().close()
})

it('an edit outlives a restart of control, and is applied after it', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/consumers/shop' })
  await page.getByRole('button', { name: 'Change' }).press('Enter')
  await page.getByRole('switch', { name: 'May choose a version itself' }).press('Space')
  await page.getByText('live', { exact: true }).waitFor()
  await restartControl(page, system)
  await page.getByRole('button', { name: 'Review it' }).press('Enter')
  await page.locator('.difference .added').filter({ hasText: 'false' }).waitFor()
  await page.getByRole('button', { name: 'Apply' }).press('Enter')
  await page.getByText('are chosen by the route alone').waitFor()
  // What was used before the restart is still known: it stands in the database and in the segments.
  await keyRow(page, 'shop-web').getByText(/ago/).first().waitFor()
  await page.getByRole('figure', { name: /^12 requests in the last 24 hours/ }).waitFor({ timeout: 15_000 })
  await page.context().close()
})

it('an empty list teaches', async () => {
  await using empty = await startSystem()
  const { page } = await signIn(browser, empty, { ...WIDE, path: '/consumers' })
  const lesson = page.getByRole('region', { name: 'One consumer for each of your applications' })
  await lesson.getByText('kind: Consumer').waitFor()
  await lesson.getByRole('button', { name: 'Copy the manifest' }).waitFor()
  await page.goto(`${empty.consoleUrl}/limits`)
  await page.getByRole('region', { name: 'No limit yet' }).getByRole('button', { name: 'Copy the manifest' }).waitFor()
  await page.goto(`${empty.consoleUrl}/requests`)
  await page.getByRole('region', { name: 'No request yet' }).getByText('curl').waitFor()
  await page.context().close()
})
