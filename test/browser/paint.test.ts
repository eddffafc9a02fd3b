/**
 * How soon a page is there: first paint, and the first content that is not the frame, under a second each. The server is warm and the
 * browser has nothing cached; of five loads the best counts, since what else the machine does is not the console's doing.
 */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, signIn } from './browser.ts'

const MOST_MS = 1_000
const LOADS = 5

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

it.each([
  ['/', '.node'],
  ['/playground', '.prompt'],
  ['/models', '.row-entry'],
  ['/models/assistant/v1', '.facts'],
  ['/routes', '.row-entry'],
  ['/routes/assistant', '.weights'],
  ['/requests', '.request-nothing, .lesson'],
  ['/consumers', '.row-entry'],
  ['/consumers/default', '.facts'],
  ['/limits', '.lesson'],
  ['/releases', '.lesson'],
  ['/settings/access', '.rights'],
  ['/settings/audit', '.row-entry'],
  ['/settings/about', '.facts'],
])('%s is painted within a second', async (path, content) => {
  const { page } = await signIn(browser, system, { width: 1280, scheme: 'light' })
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true })
  const paints: number[] = []
  const contents: number[] = []
  for (let load = 0; load < LOADS; load++) {
    await page.goto(`${system.consoleUrl}${path}`)
    // Asked from within the page: what it costs to tell this process is no part of it.
    contents.push(
      await page.evaluate<number>(
        `new Promise((found) => { const look = () => document.querySelector(${JSON.stringify(content)}) ? found(performance.now()) : requestAnimationFrame(look); look() })`,
      ),
    )
    paints.push(await page.evaluate<number>(`performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity`))
  }
  expect(Math.min(...paints)).toBeLessThan(MOST_MS)
  expect(Math.min(...contents)).toBeLessThan(MOST_MS)
  await page.context().close()
})
