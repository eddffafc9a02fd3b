/** Chromium for the console's tests: Debian's, or the one that `STRATA_TEST_CHROMIUM` names. It never leaves this machine. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { System } from '../harness/system.ts'

const PLACES = [
  process.env.STRATA_TEST_CHROMIUM,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

export async function launch(): Promise<Browser> {
  const executablePath = PLACES.find((place) => place !== undefined && existsSync(place))
  if (!executablePath)
    throw new Error(
      'The console is tested in a real Chromium, and none is here. Install it (Debian: `apt-get install chromium-headless-shell`, or `chromium`, which is slower) or set STRATA_TEST_CHROMIUM to its path.',
    )
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--proxy-server=http://127.0.0.1:9',
      '--proxy-bypass-list=127.0.0.1;localhost',
    ],
  })
}

/** A page that is signed in, and every error that the browser saw on it. */
export async function signIn(
  browser: Browser,
  system: System,
  options: { width: number; scheme: 'light' | 'dark'; role?: 'viewer' | 'editor' | 'admin'; path?: string },
): Promise<{ page: Page; errors: string[] }> {
  const { url } = await system.control<{ url: string }>('POST', '/login-links', { role: options.role ?? 'admin' })
  const context = await browser.newContext({ viewport: { width: options.width, height: 860 }, colorScheme: options.scheme })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(url)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  if (options.path) await page.goto(`${system.consoleUrl}${options.path}`)
  return { page, errors }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds serious or critical on the page as it stands. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // What is still fading in has the contrast of the moment.
  await page.evaluate(
    'Promise.all(document.getAnimations().filter((each) => each.effect.getComputedTiming().iterations !== Infinity).map((each) => each.finished.catch(() => undefined)))',
  )
  await page.evaluate(axeSource)
  const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; impact: string; nodes: { html: string }[] }[] }
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

export const scrollsSideways = (page: Page) =>
  page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth')

/** Kills control while the page is open; resolves when the page has said so and goes on by itself. */
export async function restartControl(page: Page, system: System): Promise<void> {
  const pid = await system.kill('control')
  await page.getByText('reconnecting…').waitFor({ timeout: 15_000 })
  await system.until((processes) =>
    processes.some((process) => process.name === 'control' && process.state === 'ready' && process.pid !== pid),
  )
  await page.getByText('reconnecting…').waitFor({ state: 'hidden', timeout: 20_000 })
}

export const SIZES = [
  [1280, 'light'],
  [1280, 'dark'],
  [400, 'light'],
  [400, 'dark'],
] as const
