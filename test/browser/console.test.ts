/** The console in a real browser against a real system: Overview and Playground, both themes, wide and narrow, by keyboard, through a restart of control. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const SECOND_VERSION = [
  {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'ModelVersion',
    metadata: { name: 'assistant-v2' },
    spec: {
      model: 'assistant',
      version: 'v2',
      source: { engine: { kind: 'simulated', parameters: { timeToFirstToken: '5ms', tokensPerSecond: 40, answerTokens: 2000, seed: 2 } } },
    },
  },
  {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Route',
    metadata: { name: 'assistant' },
    spec: {
      models: ['assistant'],
      targets: [
        { version: 'assistant-v1', weight: 90 },
        { version: 'assistant-v2', weight: 10 },
      ],
    },
  },
]

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
  await system.control('POST', '/apply', { documents: SECOND_VERSION })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows the system and has no serious finding of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme })
    const diagram = page.getByRole('region', { name: 'The running system' })
    for (const name of ['Clients', 'gateway-0', 'assistant@v1', 'assistant@v2']) await diagram.getByText(name, { exact: true }).waitFor()
    await diagram
      .getByText(/10\s?%/)
      .first()
      .waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.goto(`${system.consoleUrl}/playground`)
    await page.getByRole('button', { name: 'Send' }).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('Overview', () => {
  it('shows traffic on the arrows while it flows', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
    const ask = () =>
      fetch(`${system.gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${system.apiKey}` },
        body: JSON.stringify({ model: 'assistant', max_tokens: 4, messages: [{ role: 'user', content: 'Hi' }] }),
      }).then((res) => res.text())
    for (let i = 0; i < 30; i++) await ask()
    const requests = page.getByRole('region', { name: /^Requests: (?!0\s)/ })
    await requests.waitFor({ timeout: 10_000 })
    await page.locator('.edge.flowing').first().waitFor({ state: 'attached' })
    await page.context().close()
  })

  it('opens a thing at an address of its own, and closes it, by keyboard', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
    await page.getByRole('link', { name: /assistant@v2/ }).press('Enter')
    const drawer = page.getByRole('dialog')
    await drawer.getByText('tokensPerSecond: 40').waitFor()
    expect(page.url()).toContain('show=ModelVersion%2Fdefault%2Fassistant-v2')
    expect(await seriousFindings(page)).toEqual([])
    await page.reload()
    await drawer.getByText('tokensPerSecond: 40').waitFor()
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'hidden' })
    expect(new URL(page.url()).search).toBe('')
    await page.context().close()
  })

  it('survives a restart of control without a reload', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
    await restartControl(page, system)
    await page.getByText('assistant@v1', { exact: true }).first().waitFor()
    await page.context().close()
  })
})

describe('Playground', () => {
  it('streams an answer with the keyboard alone, and measures it', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
    await page.goto(`${system.consoleUrl}/playground`)
    await page.getByLabel('Prompt').focus()
    await page.keyboard.type('Tell me something.')
    await page.getByLabel('Max tokens').fill('16')
    await page.getByLabel('Prompt').focus()
    await page.keyboard.press('Control+Enter')
    const measures = page.locator('.measures')
    await measures.getByText('assistant@v', { exact: false }).waitFor()
    await measures.getByText(/^(stop|at the token limit)$/).waitFor({ timeout: 20_000 })
    expect(await page.locator('.answer-text').textContent()).not.toBe('')
    await page.context().close()
  })

  it('stops at once', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
    await page.goto(`${system.consoleUrl}/playground`)
    await page.getByRole('combobox', { name: 'Model' }).click()
    await page.getByRole('option', { name: 'assistant@v2' }).click()
    await page.getByLabel('Max tokens').fill('2000')
    await page.getByLabel('Prompt').fill('Go on for long, at least 2000 words.')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.caret').waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.locator('.measures').getByText('stopped').waitFor({ timeout: 1_000 })
    await page.context().close()
  })

  it('compares two versions side by side', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'dark' })
    await page.goto(`${system.consoleUrl}/playground`)
    await page.getByLabel('Compare two versions').check({ force: true })
    await page.getByLabel('Max tokens').fill('16')
    await page.getByLabel('Prompt').fill('Say hello.')
    await page.getByRole('button', { name: 'Send' }).click()
    const answers = page.locator('.answer')
    for (const [side, version] of [
      [0, 'assistant@v1'],
      [1, 'assistant@v2'],
    ] as const) {
      await answers.nth(side).locator('.measures').getByText(version).waitFor({ timeout: 20_000 })
    }
    await page.context().close()
  })

  it('shows the same call as code', async () => {
    const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
    await page.goto(`${system.consoleUrl}/playground`)
    await page.getByLabel('Prompt').fill('What is 2 + 2?')
    await page.getByRole('button', { name: 'Code' }).click()
    const drawer = page.getByRole('dialog')
    await drawer.getByText(`curl -N ${system.gatewayUrl}/v1/chat/completions`).waitFor()
    for (const language of ['Python', 'TypeScript']) {
      await drawer.getByText(language, { exact: true }).click()
      await drawer.getByText('What is 2 + 2?').waitFor()
    }
    await page.context().close()
  })
})

describe('signing in', () => {
  it('opens with a link once, and says what to do without', async () => {
    const { url } = await system.control<{ url: string }>('POST', '/login-links', {})
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(url)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    const other = await (await browser.newContext()).newPage()
    await other.goto(url)
    expect(await other.getByRole('heading', { name: 'Overview' }).count()).toBe(0)
    await other.goto(system.consoleUrl)
    await other.getByText('npx strata login').waitFor()
    await context.close()
    await other.context().close()
  })
})

describe('an empty system', () => {
  it('teaches the first manifest, which then works as it stands', async () => {
    await using empty = await startSystem()
    const { page } = await signIn(browser, empty, { width: 1280, scheme: 'light' })
    const lesson = page.getByRole('region', { name: 'Nothing to call yet' })
    const manifest = await lesson.locator('pre').textContent()
    const file = join(empty.home, 'first.yaml')
    writeFileSync(file, manifest!)
    expect(await strata(['apply', '-f', file], { home: empty.home })).toMatchObject({ code: 0 })
    await lesson.waitFor({ state: 'hidden', timeout: 10_000 })
    await page.getByRole('link', { name: /helper@v1/ }).waitFor()
    await page.context().close()
  })
})
