/**
 * What every page owes whoever opens it, page by page: the keyboard reaches all that a mouse can press, the tab is named by what it shows, an
 * empty system is readable on a telephone in the dark, and a restart of control that happens while it is open is over by itself, with what
 * happened meanwhile. What a page is for is tested in the page's own file.
 */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const WIDE = { width: 1280, scheme: 'light' } as const

interface Visited {
  readonly path: string
  readonly title: string
  /** There when the page has its content. */
  readonly content: (page: Page) => Promise<unknown>
  /** Something that the page has to learn of after the restart. */
  readonly meanwhile?: () => Promise<unknown>
  /** There when it has. */
  readonly news: (page: Page) => Promise<unknown>
}

const row = (table: string, text: string) => (page: Page) =>
  page.getByRole('table', { name: table }).getByText(text, { exact: true }).first().waitFor({ timeout: 20_000 })
const entry = (name: string) => (page: Page) =>
  page.getByRole('table', { name: 'Audit log' }).getByText(name).first().waitFor({ timeout: 20_000 })
const history = (text: string) => (page: Page) =>
  page.getByRole('region', { name: 'History' }).getByText(text).first().waitFor({ timeout: 20_000 })

const limit = (name: string, requests: number) => ({
  ...head,
  kind: 'Limit',
  metadata: { name },
  spec: { rules: [{ requests, every: '1h' }] },
})
/** Nobody listens there. */
const backend = (name: string, maxConcurrent: number) => ({
  ...head,
  kind: 'Backend',
  metadata: { name },
  spec: { protocol: 'openai', address: 'http://127.0.0.1:9/v1', maxConcurrent },
})
const consumer = (name: string, spec: object) => ({ ...head, kind: 'Consumer', metadata: { name }, spec })
const version = (model: string, min: number) => ({
  ...head,
  kind: 'ModelVersion',
  metadata: { name: `${model}-v1` },
  spec: {
    model,
    version: 'v1',
    source: { engine: { kind: 'simulated', parameters: { timeToFirstToken: '5ms', tokensPerSecond: 500 } } },
    scaling: { min },
  },
})
const route = (name: string, model: string, limits: string[]) => ({
  ...head,
  kind: 'Route',
  metadata: { name },
  spec: { models: [name], targets: [{ version: `${model}-v1`, weight: 100 }], limits },
})

/** Nothing is judged: it stays where it is until it is told. */
const rollout = {
  ...head,
  kind: 'Rollout',
  metadata: { name: 'assistant-v2' },
  spec: {
    route: 'assistant',
    from: 'assistant-v1',
    to: 'assistant-v2',
    steps: [{ weight: 5 }, { pause: {} }],
    analysis: { metrics: [] },
  },
}
const second = {
  ...version('assistant', 1),
  metadata: { name: 'assistant-v2' },
  spec: { ...version('assistant', 1).spec, version: 'v2' },
}

const experiment = {
  ...head,
  kind: 'Experiment',
  metadata: { name: 'shorter' },
  spec: {
    route: 'experimental',
    arms: [
      { name: 'control', version: 'assistant-v1', weight: 50 },
      { name: 'short', version: 'assistant-v1', weight: 50, prompt: { system: 'Answer in one sentence.' } },
    ],
    primary: { name: 'feedback', minimumEffect: 2 },
  },
}
/** Of the model assistant, so that nothing else has to be there. */
const scaled = (name: string, max = 2) => ({
  ...head,
  kind: 'ModelVersion',
  metadata: { name: `${name}-v1` },
  spec: {
    ...version('assistant', 1).spec,
    version: name,
    scaling: { min: 1, max, policy: { objective: {} } },
  },
})

const apply = (...documents: object[]) => system.control('POST', '/apply', { documents })
const modelOf = (name: string) => ({ ...head, kind: 'Model', metadata: { name }, spec: { task: 'chat' } })

const PAGES: readonly Visited[] = [
  {
    path: '/',
    title: 'Overview · Strata',
    content: (page) => page.getByRole('link', { name: /assistant@v1/ }).waitFor(),
    meanwhile: () => apply(modelOf('late'), version('late', 1)),
    news: (page) => page.getByRole('link', { name: /late@v1/ }).waitFor({ timeout: 20_000 }),
  },
  {
    path: '/playground',
    title: 'Playground · Strata',
    content: (page) => page.getByRole('button', { name: 'Send' }).waitFor(),
    news: async (page) => {
      await page.getByLabel('Prompt').fill('Still there?')
      await page.keyboard.press('Control+Enter')
      await page.locator('.measures').getByText('assistant@v1').waitFor({ timeout: 20_000 })
    },
  },
  {
    path: '/requests',
    title: 'Requests · Strata',
    content: (page) => page.getByText('No request yet').waitFor(),
    meanwhile: askForNothing,
    news: (page) => page.getByRole('table', { name: 'Requests' }).getByText('model_not_found').waitFor({ timeout: 20_000 }),
  },
  {
    path: '/models',
    title: 'Models · Strata',
    content: row('Versions by model', 'v1'),
    meanwhile: () => apply(modelOf('late-model'), version('late-model', 1)),
    news: (page) => page.getByRole('table', { name: 'Versions by model' }).getByText('late-model').first().waitFor({ timeout: 20_000 }),
  },
  {
    path: '/models/assistant/v1',
    title: 'assistant@v1 · Models · Strata',
    content: history('created it'),
    meanwhile: () => apply(version('assistant', 2)),
    news: history('changed'),
  },
  {
    path: '/backends',
    title: 'Backends · Strata',
    content: row('Backends', 'elsewhere'),
    meanwhile: () => apply(backend('late-backend', 1)),
    news: row('Backends', 'late-backend'),
  },
  {
    path: '/backends/elsewhere',
    title: 'elsewhere · Backends · Strata',
    content: history('created it'),
    meanwhile: () => apply(backend('elsewhere', 2)),
    news: history('changed'),
  },
  {
    path: '/routes',
    title: 'Routes · Strata',
    content: row('Routes', 'Ready'),
    meanwhile: () => apply(route('late-route', 'assistant', [])),
    news: row('Routes', 'late-route'),
  },
  {
    path: '/routes/assistant',
    title: 'assistant · Routes · Strata',
    content: history('created it'),
    meanwhile: () => apply(route('assistant', 'assistant', ['small'])),
    news: history('changed'),
  },
  {
    path: '/consumers',
    title: 'Consumers · Strata',
    content: row('Consumers', 'shop'),
    meanwhile: () => apply(consumer('late-consumer', {})),
    news: row('Consumers', 'late-consumer'),
  },
  {
    path: '/consumers/shop',
    title: 'shop · Consumers · Strata',
    content: row('Keys', 'shop-web'),
    meanwhile: () => apply(consumer('shop', { limits: ['small'], priority: 'interactive' })),
    news: history('changed'),
  },
  {
    path: '/limits',
    title: 'Limits · Strata',
    content: row('Limits', 'small'),
    meanwhile: () => apply(limit('late-limit', 5)),
    news: row('Limits', 'late-limit'),
  },
  {
    path: '/limits/small',
    title: 'small · Limits · Strata',
    content: history('created it'),
    meanwhile: () => apply(limit('small', 200)),
    news: history('changed'),
  },
  {
    path: '/releases',
    title: 'Releases · Strata',
    content: row('Releases', 'assistant-v2'),
    meanwhile: () => system.control('POST', '/rollouts/assistant-v2/abort'),
    news: row('Releases', 'Degraded'),
  },
  {
    path: '/releases/assistant-v2',
    title: 'assistant-v2 · Releases · Strata',
    content: history('created it'),
    news: history('aborted it'),
  },
  {
    path: '/experiments',
    title: 'Experiments · Strata',
    content: row('Experiments', 'shorter'),
    meanwhile: () =>
      apply(route('later', 'assistant', []), { ...experiment, metadata: { name: 'late' }, spec: { ...experiment.spec, route: 'later' } }),
    news: row('Experiments', 'late'),
  },
  {
    path: '/experiments/shorter',
    title: 'shorter · Experiments · Strata',
    content: history('created it'),
    meanwhile: () => system.control('POST', '/experiments/shorter/stop'),
    news: history('stopped it'),
  },
  {
    path: '/autoscaling',
    title: 'Autoscaling · Strata',
    content: row('Versions with a policy', 'scaled-v1'),
    meanwhile: () => apply(scaled('late-scaled')),
    news: row('Versions with a policy', 'late-scaled-v1'),
  },
  {
    path: '/autoscaling/scaled-v1',
    title: 'scaled-v1 · Autoscaling · Strata',
    content: (page) => page.getByRole('region', { name: 'How it decides' }).getByText('1 to 2').waitFor(),
    meanwhile: () => apply(scaled('scaled', 3)),
    news: (page) => page.getByRole('region', { name: 'How it decides' }).getByText('1 to 3').waitFor({ timeout: 20_000 }),
  },
  {
    path: '/settings/access',
    title: 'Access · Settings · Strata',
    content: (page) => page.getByText('this browser').waitFor(),
    meanwhile: async () => {
      await system.control('POST', '/tokens', { name: 'late-token', role: 'viewer' })
      await apply(limit('another', 5))
    },
    news: row('Tokens of the control API', 'late-token'),
  },
  {
    path: '/settings/audit',
    title: 'Audit log · Settings · Strata',
    // Each browser that signs in is an entry: what the beginning has made may be pages away.
    content: (page) => page.getByRole('table', { name: 'Audit log' }).locator('.row-entry').first().waitFor(),
    meanwhile: () => apply(limit('late-entry', 5)),
    news: entry('late-entry'),
  },
  {
    path: '/settings/about',
    title: 'About · Settings · Strata',
    content: row('Processes', 'gateway-0'),
    news: row('Processes', 'killed by SIGKILL'),
  },
]

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant() }), launch()])
  await system.control('POST', '/apply', {
    documents: [
      limit('small', 100),
      consumer('shop', { limits: ['small'] }),
      backend('elsewhere', 1),
      second,
      rollout,
      route('experimental', 'assistant', []),
      experiment,
      scaled('scaled'),
    ],
  })
  await system.control('POST', '/keys', { consumer: 'shop', name: 'shop-web' })
  await system.control('POST', '/tokens', { name: 'deployment', role: 'editor' })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

function askForNothing() {
  return fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}` },
    body: JSON.stringify({ model: 'nothing-of-that-name', messages: [{ role: 'user', content: 'Hi' }] }),
  })
}

/** Everything on the page that a mouse can press and that Tab does not come by, as HTML. Arrows move within lists of rows and choices. */
async function notReached(page: Page): Promise<string[]> {
  const PRESSABLE = 'a[href], button, input, select, textarea, summary'
  await page.evaluate<void>('window.reached = new Set()')
  for (let presses = 0; presses < 200; presses++) {
    await page.keyboard.press('Tab')
    const isNew = await page.evaluate<boolean>(
      '(() => { const at = document.activeElement; const known = window.reached.has(at); window.reached.add(at); return at !== document.body && !known })()',
    )
    if (!isNew) break
  }
  return page.evaluate<string[]>(`[...document.querySelectorAll(${JSON.stringify(PRESSABLE)})]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled && each.tabIndex >= 0 && each.type !== 'hidden')
    .filter((each) => each.type !== 'radio' && !window.reached.has(each))
    .map((each) => each.outerHTML.slice(0, 120))`)
}

/** As a link within the console does it. */
const goTo = (page: Page, path: string) =>
  page.evaluate<void>(`history.pushState(null, '', ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent('popstate'))`)

describe.each(PAGES)('$path', ({ path, title, content }) => {
  it('names the tab and hides nothing from the keyboard', async () => {
    const { page, errors } = await signIn(browser, system, { ...WIDE, path })
    await content(page)
    expect(await page.title()).toBe(title)
    expect(await notReached(page)).toEqual([])
    await page.locator('.skip').press('Enter')
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('main')

    // Who comes from another page, all files being there already, has the same name in the tab.
    await goTo(page, path.startsWith('/limits') ? '/routes' : '/limits')
    await page.getByRole('heading', { level: 1, name: path.startsWith('/limits') ? 'Routes' : 'Limits', exact: true }).waitFor()
    await goTo(page, path)
    await content(page)
    await expect.poll(() => page.title()).toBe(title)
    expect(errors).toEqual([])
    await page.context().close()
  })
})

it('an empty system is read on a telephone in the dark, whatever page one opens', async () => {
  await using empty = await startSystem()
  const { page, errors } = await signIn(browser, empty, { width: 400, scheme: 'dark' })
  for (const path of [
    '/',
    '/playground',
    '/requests',
    '/models',
    '/backends',
    '/routes',
    '/consumers',
    '/limits',
    '/releases',
    '/experiments',
    '/autoscaling',
    '/settings/access',
    '/nowhere',
  ]) {
    await page.goto(`${empty.consoleUrl}${path}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.getByText('live', { exact: true }).waitFor()
    expect([path, await scrollsSideways(page)]).toEqual([path, false])
    expect([path, await seriousFindings(page)]).toEqual([path, []])
  }
  expect(errors).toEqual([])
  await page.context().close()
})

/** So many at a time: each open page is a browser's work once a second. */
const AT_ONCE = 4
const GROUPS = Array.from({ length: Math.ceil(PAGES.length / AT_ONCE) }, (_, at) => PAGES.slice(at * AT_ONCE, (at + 1) * AT_ONCE))

it.each(GROUPS.map((group) => ({ group, paths: group.map(({ path }) => path).join(', ') })))(
  'a restart of control is over by itself, with what was done meanwhile: $paths',
  async ({ group }) => {
    const open: { visited: Visited; page: Page }[] = []
    for (const visited of group) {
      const { page } = await signIn(browser, system, { ...WIDE, path: visited.path })
      open.push({ visited, page })
      await visited.content(page)
      await page.getByText('live', { exact: true }).waitFor()
    }
    const noticed = open.slice(1).map(({ page }) => page.getByText('reconnecting…').waitFor({ timeout: 15_000 }))
    await Promise.all([restartControl(open[0]!.page, system), ...noticed])
    for (const { meanwhile } of group) await meanwhile?.()
    for (const { visited, page } of open) {
      await visited.news(page)
      await page.getByText('reconnecting…').waitFor({ state: 'hidden' })
      await page.context().close()
    }
  },
)
