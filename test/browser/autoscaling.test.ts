/** Autoscaling in a real browser: a version without a policy teaches one, a version with one shows load, instances and decisions. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const WIDE = { width: 1280, scheme: 'light' } as const
const NAME = 'assistant-with-a-name-that-is-rather-long-v2'
const SCALED = {
  apiVersion: 'strata.dev/v1alpha1',
  kind: 'ModelVersion',
  metadata: { name: NAME },
  spec: {
    model: 'assistant',
    version: 'v2',
    source: { engine: { kind: 'simulated', parameters: { timeToFirstToken: '5ms', tokensPerSecond: 500 } } },
    // By the time of day, so that the number wanted hangs on nothing but the clock.
    scaling: { min: 1, max: 3, policy: { schedule: [{ from: '00:00', instances: 2 }] } },
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

it('an empty list teaches a policy, with a manifest that can be applied as it stands', async () => {
  const { page, errors } = await signIn(browser, system, { ...WIDE, path: '/autoscaling' })
  await page.getByText('No version has a policy yet').waitFor()
  const manifest = (await page.locator('pre').textContent())!
  const { changes } = await system.control<{ changes: { action: string }[] }>('POST', '/apply', {
    documents: [parse(manifest)],
    dryRun: true,
  })
  expect(changes.map(({ action }) => action)).toEqual(['change'])
  expect(await seriousFindings(page)).toEqual([])

  await page.goto(`${system.consoleUrl}/autoscaling/assistant-v1`)
  await page.getByRole('region', { name: 'No policy' }).getByText('One instance runs').waitFor()
  expect(await page.locator('pre').textContent()).toContain('objective: { firstToken: 2s')
  expect(await seriousFindings(page)).toEqual([])
  expect(errors).toEqual([])
  await page.context().close()
})

it('a version of no such name says so', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/autoscaling/nothing' })
  await page.getByText('There is no version nothing').waitFor()
  await page.context().close()
})

it('a policy is a row and a page with its decisions, charts and reason, at all widths', async () => {
  await system.control('POST', '/apply', { documents: [SCALED] })
  const path = `/modelversions/${NAME}/scaling`
  await vi.waitFor(
    async () => {
      const { decisions, points } = await system.control<{ decisions: unknown[]; points: unknown[] }>('GET', path)
      expect([decisions.length > 0, points.length > 0]).toEqual([true, true])
    },
    { timeout: 90_000, interval: 250 },
  )
  for (const [width, scheme] of SIZES) {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/autoscaling' })
    await page.getByRole('table', { name: 'Versions with a policy' }).getByText('schedule: 2 from 00:00 UTC').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.locator('.row-entry').first().press('Enter')
    await page.locator('.page-title').getByText('2 ready of 2 wanted').waitFor({ timeout: 20_000 })
    await page.getByRole('region', { name: 'Decisions' }).getByText('1 → 2').waitFor()
    const instances = page.getByRole('figure', { name: 'Instances' })
    await instances.locator('canvas').waitFor()
    // Where the pointer is, each chart says what was.
    await instances.locator('.u-over').hover({ position: { x: (await instances.locator('.u-over').boundingBox())!.width - 4, y: 20 } })
    await instances.getByText('wanted 2').waitFor()
    await page.getByRole('figure', { name: 'Arrivals' }).getByText('requests 0').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('link', { name: '7 d', exact: true }).press('Enter')
    await page.locator('[aria-current=page]').getByText('7 d').waitFor()
    await page.getByRole('figure', { name: 'Instances' }).locator('canvas').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(errors).toEqual([])
    await page.context().close()
  }
})

it('its own page says what is wanted and why, and leads here', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/models/assistant/v2' })
  const panel = page.getByRole('region', { name: 'Autoscaling' })
  await panel.getByText('schedule: 2 from 00:00 UTC').waitFor()
  await panel.getByRole('link', { name: 'Load and decisions' }).press('Enter')
  await page.getByRole('region', { name: 'How it decides' }).waitFor()
  await page.context().close()
})
