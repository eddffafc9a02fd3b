/** Routes in a real browser: weights changed by keyboard, looked at, applied, undone; somebody else's change; a viewer; a restart in the middle of an edit. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const version = (name: string) => ({
  ...head,
  kind: 'ModelVersion',
  metadata: { name: `assistant-${name}` },
  spec: { model: 'assistant', version: name, source: { engine: { kind: 'simulated' } } },
})
const route = (...weights: number[]) => ({
  ...head,
  kind: 'Route',
  metadata: { name: 'assistant' },
  spec: {
    models: ['assistant'],
    targets: weights.map((weight, i) => ({ version: `assistant-v${i + 1}`, weight })),
    stickyBy: { header: 'x-user-id', else: 'consumer' },
    fallbacks: [{ version: 'assistant-v1', on: ['timeout'] }],
  },
})
const WIDE = { width: 1280, scheme: 'light' } as const

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
  await apply(version('v2'), version('v3'))
})
beforeEach(() => apply(route(90, 10)))
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

const apply = (...documents: unknown[]) => system.control('POST', '/apply', { documents })
const weights = async () =>
  Object.fromEntries(
    (await system.control<Resource<'Route'>>('GET', '/routes/assistant')).spec.targets.map(({ version, weight }) => [version, weight]),
  )
const weightOf = (page: Page, name: string) => page.getByLabel(`Weight of ${name}, percent`)
const diff = (page: Page) => page.locator('.review .difference')

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows routes, one of them, and a change before it is made, without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/routes' })
    await page.getByRole('table', { name: 'Routes' }).getByText('assistant-v1 90\u202f% · assistant-v2 10\u202f%').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.locator('.row-entry').first().press('Enter')
    await page.getByRole('heading', { name: 'assistant', exact: true }).waitFor()
    const rules = page.getByRole('region', { name: 'Rules' })
    await rules.getByText('the header x-user-id, else the consumer').waitFor()
    await rules.getByText('when the first byte is late').waitFor()
    await page.getByText('runs as written · 1 of 1 gateway has it').waitFor()
    await weightOf(page, 'assistant@v2').fill('30')
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('button', { name: 'Review the change' }).click()
    await diff(page).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('weights', () => {
  it('are changed, looked at, applied and undone by keyboard alone', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    await weightOf(page, 'assistant@v2').focus()
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowUp')
    expect(await weightOf(page, 'assistant@v1').inputValue()).toContain('85')
    await page.keyboard.press('Enter')
    await diff(page).waitFor()
    expect((await diff(page).textContent())!.split('\n').map((line) => line.trim())).toEqual([
      'spec.targets',
      '- - version: assistant-v1   weight: 90',
      '- - version: assistant-v2   weight: 10',
      '+ - version: assistant-v1   weight: 85',
      '+ - version: assistant-v2   weight: 15',
      '',
    ])
    expect(await weights()).toEqual({ 'assistant-v1': 90, 'assistant-v2': 10 })
    await page.keyboard.press('Enter')
    await page.getByText(/Applied as generation \d+/).waitFor()
    expect(await weights()).toEqual({ 'assistant-v1': 85, 'assistant-v2': 15 })

    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    const undo = page.getByRole('button', { name: 'Put it back' })
    await undo.waitFor()
    await page.keyboard.press('Enter')
    await undo.waitFor({ state: 'hidden' })
    expect(await weights()).toEqual({ 'assistant-v1': 90, 'assistant-v2': 10 })
    await page.context().close()
  })

  it('move with the slider, and a version comes in and goes out', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    await page.getByRole('slider', { name: 'Share of assistant@v2' }).focus()
    await page.keyboard.press('End')
    expect(await weightOf(page, 'assistant@v1').inputValue()).toContain('0')
    await page.keyboard.press('Home')
    await page.getByRole('combobox', { name: 'Add a version' }).focus()
    await page.keyboard.type('v3')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await weightOf(page, 'assistant@v3').fill('20')
    await page.getByRole('button', { name: 'take out assistant@v2' }).press('Enter')
    await page.getByRole('button', { name: 'Review the change' }).press('Enter')
    await page.getByRole('button', { name: 'Apply' }).press('Enter')
    await page.getByText(/Applied as generation/).waitFor()
    expect(await weights()).toEqual({ 'assistant-v1': 80, 'assistant-v3': 20 })
    await page.context().close()
  })

  it('are undone from the history after a reload, whoever changed them', async () => {
    await apply(route(40, 60))
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    const history = page.getByRole('region', { name: 'History' })
    await history.getByText('admin').first().waitFor()
    await history.getByRole('button', { name: 'Undo' }).press('Enter')
    await page.getByRole('button', { name: 'Put it back' }).press('Enter')
    await page.getByRole('button', { name: 'Put it back' }).waitFor({ state: 'hidden' })
    expect(await weights()).toEqual({ 'assistant-v1': 90, 'assistant-v2': 10 })
    await page.context().close()
  })
})

describe("somebody else's change", () => {
  it('is said while one edits, and not overwritten unless one says so', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    await weightOf(page, 'assistant@v2').fill('25')
    await apply(route(60, 40))
    const note = page.getByRole('alert').filter({ hasText: 'Somebody has changed this route while you were editing it.' })
    await note.waitFor({ timeout: 10_000 })
    expect(await page.getByRole('button', { name: 'Review the change' }).isEnabled()).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await note.getByRole('button', { name: 'Keep my weights, on top of it' }).press('Enter')
    await page.getByRole('button', { name: 'Review the change' }).press('Enter')
    await diff(page).getByText('- - version: assistant-v2   weight: 40').waitFor()
    await page.getByRole('button', { name: 'Apply' }).press('Enter')
    await page.getByText(/Applied as generation/).waitFor()
    expect(await weights()).toEqual({ 'assistant-v1': 75, 'assistant-v2': 25 })
    await page.context().close()
  })

  it('is refused by control when the page could not know of it yet', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
    await weightOf(page, 'assistant@v2').fill('25')
    await page.getByRole('button', { name: 'Review the change' }).press('Enter')
    await page.getByRole('button', { name: 'Apply' }).waitFor()
    const old = await system.control('GET', '/routes')
    await page.route('**/api/v1alpha1/routes', (request) => request.fulfill({ json: old }))
    await apply(route(60, 40))
    await page.getByRole('button', { name: 'Apply' }).press('Enter')
    await page.getByText('Somebody has changed Route/assistant since you read it').waitFor()
    expect(await weights()).toEqual({ 'assistant-v1': 60, 'assistant-v2': 40 })
    await page.context().close()
  })
})

it('an edit survives a restart of control', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/assistant' })
  await weightOf(page, 'assistant@v2').fill('35')
  await restartControl(page, system)
  expect(await weightOf(page, 'assistant@v2').inputValue()).toContain('35')
  await page.getByRole('button', { name: 'Review the change' }).press('Enter')
  await page.getByRole('button', { name: 'Apply' }).press('Enter')
  await page.getByText(/Applied as generation/).waitFor()
  expect(await weights()).toEqual({ 'assistant-v1': 65, 'assistant-v2': 35 })
  await page.context().close()
})

it('a viewer sees the weights, cannot move them, and is told', async () => {
  const { page, errors } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: '/routes/assistant' })
  await page.getByText('To change routes takes the role editor').waitFor()
  expect(await weightOf(page, 'assistant@v2').isEditable()).toBe(false)
  expect(await page.getByRole('button', { name: /Review|Undo|Delete/ }).count()).toBe(0)
  expect(errors).toEqual([])
  await page.context().close()
})

it('a route is deleted by who types its name, after being told who asks for it', async () => {
  await apply({
    ...route(100),
    metadata: { name: 'spare' },
    spec: { models: ['spare'], targets: [{ version: 'assistant-v1', weight: 100 }] },
  })
  const { page } = await signIn(browser, system, { ...WIDE, path: '/routes/spare' })
  await page.getByRole('button', { name: 'Delete…' }).press('Enter')
  const dialog = page.getByRole('dialog')
  await dialog.getByText('Whoever asks for spare gets 404 from then on').waitFor()
  await page.keyboard.type('spar')
  await page.keyboard.press('Enter')
  expect(await dialog.getByRole('button', { name: 'Delete the route' }).isEnabled()).toBe(false)
  await page.keyboard.type('e')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Routes' }).waitFor()
  await page.getByText('1 route', { exact: true }).waitFor()
  await page.context().close()
})
