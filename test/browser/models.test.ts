/** Models in a real browser: the list, a version's page, scaling and deleting by keyboard, a viewer, an empty system, through a restart of control. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const version = (name: string, source: object) => ({
  apiVersion: 'strata.dev/v1alpha1',
  kind: 'ModelVersion',
  metadata: { name: `assistant-${name}` },
  spec: { model: 'assistant', version: name, source },
})
const WIDE = { width: 1280, scheme: 'light' } as const

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
  await system.control('POST', '/apply', {
    documents: [
      version('v2', { engine: { kind: 'simulated' } }),
      version('v10', {
        engine: { kind: 'llama', weights: { sha256: '0'.repeat(64), from: ['file:/nowhere/TinyStories-33M.Q8_0.gguf'] } },
      }),
    ],
  })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows models and a version, without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/models' })
    const table = page.getByRole('table', { name: 'Versions by model' })
    await table.getByText('No place had the weights').waitFor({ timeout: 20_000 })
    // Newest first, and v10 is newer than v2.
    expect(await table.locator('.row-entry').allTextContents()).toEqual(['v10', 'v2', 'v1'])
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.goto(`${system.consoleUrl}/models/assistant/v1`)
    await page.getByRole('region', { name: 'Instances' }).getByText('assistant-v1-0').waitFor()
    await page.getByRole('region', { name: 'History' }).getByText('created it').waitFor()
    await page.getByText('Show it as YAML').click()
    await page.locator('pre').getByText('tokensPerSecond: 500').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('by keyboard', () => {
  it('finds a version in the list and scales it', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/models' })
    await page.locator('.row-entry').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'assistant@v2' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/models/assistant/v2')

    await page.getByLabel('Instances wanted').focus()
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.locator('.review .difference').getByText('spec.scaling.min').waitFor()
    await page.getByRole('button', { name: 'Apply' }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByText('2 of 2 ready').waitFor({ timeout: 30_000 })
    expect(await system.control('GET', '/modelversions/assistant-v2')).toMatchObject({ spec: { scaling: { min: 2 } } })
    await page.goBack()
    await page.getByRole('table', { name: 'Versions by model' }).waitFor()
    await page.context().close()
  })

  it('deletes only what is not used, and only for who types its name', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/v1' })
    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('sends requests to it').waitFor()
    expect(await dialog.getByRole('button', { name: 'Delete the version' }).isEnabled()).toBe(false)
    await page.keyboard.type('assistant-v1')
    await page.keyboard.press('Enter')
    await dialog.getByText('is named by Route/assistant').waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })

    await page.goto(`${system.consoleUrl}/models/assistant/v10`)
    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    await dialog.getByText('No route leads to it').waitFor()
    await page.keyboard.type('assistant-v10')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Models' }).waitFor()
    await page.getByText('2 versions').waitFor()
    await page.context().close()
  })
})

it('a viewer sees everything, changes nothing, and is told', async () => {
  const { page, errors } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: '/models/assistant/v1' })
  await page.getByText('To scale or delete versions takes the role editor').waitFor()
  await page.getByRole('region', { name: 'Instances' }).getByText('assistant-v1-0').waitFor()
  expect(await page.getByRole('button', { name: 'Delete…' }).count()).toBe(0)
  expect(await page.getByLabel('Instances wanted').count()).toBe(0)
  expect(errors).toEqual([])
  await page.context().close()
})

it('goes on after a restart of control', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/v1' })
  const instances = page.getByRole('region', { name: 'Instances' })
  await instances.getByText('assistant-v1-0').waitFor()
  await restartControl(page, system)
  await instances.getByText('1 of 1 ready').waitFor()
  await page.context().close()
})

it('an address of nothing says so', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/v99' })
  await page.getByText('There is no version assistant@v99.').waitFor()
  await page.context().close()
})

it('an empty system teaches its first manifest on Models and on Routes, and it works as it stands', async () => {
  await using empty = await startSystem()
  const { page } = await signIn(browser, empty, { ...WIDE, path: '/models' })
  const lesson = page.getByRole('region', { name: 'No model yet' })
  await page.getByRole('link', { name: 'Routes' }).click()
  await page.getByRole('region', { name: 'No route yet' }).waitFor()
  await page.getByRole('link', { name: 'Models' }).click()
  const file = join(empty.home, 'first.yaml')
  writeFileSync(file, (await lesson.locator('pre').textContent())!)
  expect(await strata(['apply', '-f', file], { home: empty.home })).toMatchObject({ code: 0 })
  await page.getByRole('table', { name: 'Versions by model' }).getByText('v1', { exact: true }).waitFor({ timeout: 10_000 })
  await page.context().close()
})
