/** Chromium for the console's tests: Debian's, or the one that `STRATA_TEST_CHROMIUM` names. It never leaves this machine. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { System } from '../harness/system.ts'

const PLACES = [
  process.env.STRATA_TEST_CHROMIUM,
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
      'The console is tested in a real Chromium, and none is here. Install it (Debian: `apt-get install chromium`) or set STRATA_TEST_CHROMIUM to its path.',
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
  options: { width: number; scheme: 'light' | 'dark' },
): Promise<{ page: Page; errors: string[] }> {
  const { url } = await system.control<{ url: string }>('POST', '/login-links', {})
  const context = await browser.newContext({ viewport: { width: options.width, height: 860 }, colorScheme: options.scheme })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(url)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  return { page, errors }
}
