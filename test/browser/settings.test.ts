/** Settings in a real browser: tokens and invitations by keyboard, the audit log, what runs; what each role sees; through a restart of control. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const WIDE = { width: 1280, scheme: 'light' } as const

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
  await system.control('POST', '/tokens', { name: 'deployment', role: 'editor' })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

const callAs = (token: string) =>
  fetch(`${system.consoleUrl}/api/v1alpha1/session`, { headers: { authorization: `Bearer ${token}` } }).then(async (answer) => ({
    status: answer.status,
    body: await answer.json(),
  }))

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows access, audit log and what runs, without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/settings' })
    await page.getByRole('table', { name: 'Tokens of the control API' }).getByText('deployment').waitFor()
    await page.getByText('Read the audit log').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.getByRole('link', { name: 'Audit log' }).press('Enter')
    await page.getByRole('table', { name: 'Audit log' }).getByText('assistant-v1').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.getByRole('link', { name: 'About' }).press('Enter')
    await page.getByRole('table', { name: 'Gateways' }).getByText('runs the newest snapshot').waitFor()
    await page.getByRole('table', { name: 'Processes' }).getByText('gateway-0').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('access', () => {
  it('makes a token by keyboard, shows its secret once, and revokes it by name', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/settings/access' })
    await page.getByLabel('New token for').focus()
    await page.keyboard.type('ci')
    await page.keyboard.press('Enter')
    const shown = page.getByRole('region', { name: 'Token ci' })
    const secret = (await shown.locator('.secret').textContent())!
    expect(await callAs(secret)).toMatchObject({ status: 200, body: { actor: 'token/ci', role: 'viewer' } })
    expect(await seriousFindings(page)).toEqual([])
    await shown.getByRole('button', { name: 'I have put it away' }).press('Enter')
    const row = page.getByRole('row').filter({ hasText: 'ci' }).filter({ hasText: 'viewer' })
    await row.getByText('in 89').or(row.getByText('in 90')).waitFor()
    await page.reload()
    await row.waitFor()
    expect(await page.content()).not.toContain(secret)

    await row.getByRole('button', { name: 'Revoke ci' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('is refused from its next call on').waitFor()
    await page.keyboard.type('ci')
    await page.keyboard.press('Enter')
    await row.waitFor({ state: 'hidden' })
    expect((await callAs(secret)).status).toBe(401)
    await page.context().close()
  })

  it('says why a token cannot be made', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/settings/access' })
    await page.getByLabel('New token for').fill('deployment')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('There is a token "deployment" already.').waitFor()
    await page.context().close()
  })

  it('invites a viewer, who sees what a viewer may see and is told the rest', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/settings/access' })
    await page.getByRole('button', { name: 'Make a link' }).press('Enter')
    const link = (await page.getByRole('region', { name: 'A link to the console as viewer' }).locator('.secret').textContent())!
    await page.context().close()

    const guest = await (await browser.newContext()).newPage()
    const errors: string[] = []
    guest.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text())
    })
    await guest.goto(link)
    await guest.getByRole('heading', { name: 'Overview' }).waitFor()
    for (const [path, told] of [
      ['/settings/access', 'To see and give access takes the role admin'],
      ['/settings/audit', 'To read the audit log takes the role admin'],
      ['/playground', 'To call models from here takes the role editor'],
    ] as const) {
      await guest.goto(`${system.consoleUrl}${path}`)
      await guest.getByText(told).waitFor()
    }
    await guest.goto(`${system.consoleUrl}/settings/about`)
    await guest.getByRole('table', { name: 'Gateways' }).getByText('gateway-0').waitFor()
    expect(errors).toEqual([])

    await guest.goto(`${system.consoleUrl}/settings/access`)
    await guest.getByRole('button', { name: 'Sign out' }).press('Enter')
    await guest.getByText('npx strata login').waitFor()
    await guest.context().close()
  })
})

describe('sessions', () => {
  it('are listed by whom the link was for, and ended by keyboard: that browser says so by itself', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/settings/access' })
    await page.getByLabel('Whom').focus()
    await page.keyboard.type('ana')
    await page.keyboard.press('Enter')
    const link = (await page.getByRole('region', { name: 'A link to the console as viewer' }).locator('.secret').textContent())!
    const guest = await (await browser.newContext()).newPage()
    await guest.goto(link)
    await guest.getByRole('heading', { name: 'Overview' }).waitFor()
    await guest.goto(`${system.consoleUrl}/settings/access`)
    await guest.getByText('console/ana').waitFor()

    const signedIn = page.getByRole('table', { name: 'Signed in to the console' })
    await signedIn.getByText('this browser').waitFor()
    await signedIn.getByText('console/ana').waitFor({ timeout: 20_000 })
    await page.getByRole('button', { name: 'End the session of console/ana' }).press('Enter')
    await signedIn.getByText('console/ana').waitFor({ state: 'hidden' })
    await guest.getByText('npx strata login').waitFor({ timeout: 10_000 })
    expect(await seriousFindings(guest)).toEqual([])
    await page.goto(`${system.consoleUrl}/settings/audit?kind=Session&action=logout`)
    await page.getByRole('table', { name: 'Audit log' }).getByText('ended').waitFor()
    await guest.context().close()
    await page.context().close()
  })
})

describe('audit log', () => {
  it('filters by what stands in the address, pages, and opens an entry with what changed', async () => {
    for (let i = 0; i < 60; i++)
      await system.control('POST', '/apply', {
        documents: [
          {
            apiVersion: 'strata.dev/v1alpha1',
            kind: 'Model',
            metadata: { name: 'assistant' },
            spec: { task: 'chat', description: `text ${i}` },
          },
        ],
      })
    const { page } = await signIn(browser, system, { ...WIDE, path: '/settings/audit' })
    const rows = page.getByRole('table', { name: 'Audit log' }).locator('tbody tr')
    await rows.nth(49).waitFor()
    await page.getByLabel('Name', { exact: true }).fill('assistant')
    await page.getByRole('combobox', { name: 'Action' }).click()
    await page.getByRole('option', { name: 'change' }).click()
    await page.waitForURL(/action=change/)
    await page.waitForURL(/name=assistant/)
    await page.getByRole('button', { name: 'Older' }).press('Enter')
    await page.waitForURL(/before=\d+/)
    await page.getByRole('button', { name: 'Older' }).waitFor({ state: 'hidden' })
    await rows.nth(9).waitFor()
    expect(await rows.count()).toBe(10)
    await page.reload()
    await rows.nth(9).waitFor()

    await page.locator('.row-entry').first().press('ArrowDown')
    await page.keyboard.press('Enter')
    const entry = page.getByRole('dialog')
    expect((await entry.locator('.difference').textContent())!.split('\n').map((line) => line.trim())).toEqual([
      'spec.description',
      '- text 7',
      '+ text 8',
      '',
    ])
    expect(await seriousFindings(page)).toEqual([])
    await page.keyboard.press('Escape')
    await entry.waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Show all' }).press('Enter')
    await rows.nth(49).waitFor()
    expect(new URL(page.url()).search).toBe('')
    await page.context().close()
  })
})

it('goes on after a restart of control', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/settings/about' })
  const processes = page.getByRole('table', { name: 'Processes' })
  await processes.getByText('control', { exact: true }).waitFor()
  await restartControl(page, system)
  await processes.getByText('killed by SIGKILL').waitFor({ timeout: 10_000 })
  await page.getByRole('table', { name: 'Gateways' }).getByText('runs the newest snapshot').waitFor({ timeout: 20_000 })
  await page.context().close()
})
