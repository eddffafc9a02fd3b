/** Requests in a real browser: the tail, what was before, filters in the address, one request in all its parts, and all of it by keyboard. */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { finishedRecord } from '../../src/control/records/example-records.ts'
import { sortableId } from '../../src/kernel/ids.ts'
import type { FinishedRecord } from '../../src/monitoring/request-records.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, restartControl, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const WIDE = { width: 1280, scheme: 'light' } as const

let system: System
let browser: Browser
beforeAll(async () => {
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant(), args: ['--record-prompts'] }), launch()])
  await system.control('POST', '/apply', {
    documents: [
      { ...head, kind: 'Backend', metadata: { name: 'gone' }, spec: { protocol: 'openai', address: 'http://127.0.0.1:9/v1' } },
      {
        ...head,
        kind: 'ModelVersion',
        metadata: { name: 'assistant-v2' },
        spec: { model: 'assistant', version: 'v2', source: { backend: { name: 'gone', model: 'x' } } },
      },
      {
        ...head,
        kind: 'Route',
        metadata: { name: 'saved' },
        spec: {
          models: ['saved'],
          targets: [{ version: 'assistant-v2' }],
          fallbacks: [{ version: 'assistant-v1', on: ['unavailable'] }],
        },
      },
    ],
  })
  await ask('assistant', { id: 'order-1', stream: true })
  await ask('saved', { id: 'order-2' })
  await ask('no-such-model', { id: 'order-3' })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

async function ask(model: string, { id, stream = false }: { id: string; stream?: boolean }): Promise<number> {
  const answer = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'x-request-id': id },
    body: JSON.stringify({ model, stream, max_tokens: 8, messages: [{ role: 'user', content: `Question of ${id}` }] }),
  })
  await answer.text()
  return answer.status
}

/** Records as a gateway of that name would write them, at so many seconds before now. */
function write(gateway: string, records: readonly (Partial<FinishedRecord> & { readonly ago: number })[]): void {
  const folder = join(system.home, 'records', gateway)
  mkdirSync(folder, { recursive: true })
  const lines = records.map(({ ago, ...more }, seq) => {
    const at = Date.now() - ago * 1000
    const { gateway: _g, boot: _b, seq: _s, time: _t, ...rest } = finishedRecord({ id: `req_${sortableId(at)}`, ...more })
    return JSON.stringify({ gateway, boot: `${'0'.repeat(25)}A`, seq, time: new Date(at).toISOString(), ...rest })
  })
  appendFileSync(join(folder, `${'0'.repeat(25)}A-000001.ndjson`), `${lines.join('\n')}\n`)
}

const rows = (page: Page) => page.getByRole('table', { name: 'Requests' }).locator('tbody tr')
const rowWith = (page: Page, text: string | RegExp) => rows(page).filter({ hasText: text })
const drawer = (page: Page) => page.getByRole('dialog')

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows the list and one request without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/requests?outcome=ok' })
    await rowWith(page, 'ok').first().waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.goto(`${system.consoleUrl}/requests?id=order-2`)
    await rows(page).first().locator('a').press('Enter')
    await drawer(page).getByText('answered by the fallback').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('the tail', () => {
  it('shows a request as it ends, waits while it is paused, and goes on', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?id=tail' })
    await page.getByText('No request matches').waitFor()
    await ask('assistant', { id: 'tail-1' })
    await expect.poll(() => rows(page).count(), { timeout: 10_000 }).toBe(1)
    await page.getByRole('button', { name: 'Pause' }).press('Enter')
    await ask('assistant', { id: 'tail-2' })
    await page.getByText('paused, 1 new').waitFor()
    expect(await rows(page).count()).toBe(1)
    await page.getByRole('button', { name: 'Show 1 new' }).press('Enter')
    await expect.poll(() => rows(page).count()).toBe(2)
    await page.context().close()
  })

  it('is held while somebody reads in it, and moves by arrows', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests' })
    await rows(page).nth(2).waitFor()
    const first = await rows(page).first().locator('a').textContent()
    await rows(page).first().locator('a').focus()
    await page.getByText('held while you read').waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    expect(await page.evaluate<number>('document.activeElement.closest("tr").ariaRowIndex * 1')).toBe(3)
    await ask('assistant', { id: 'while-reading' })
    await page.getByText(/held while you read, \d+ new/).waitFor()
    expect(await rows(page).first().locator('a').textContent()).toBe(first)
    await page.keyboard.press('Enter')
    await drawer(page).waitFor()
    const opened = page.url()
    expect(opened).toMatch(/\/requests\/req_\w{26}$/)
    await page.keyboard.press('Escape')
    await drawer(page).waitFor({ state: 'hidden' })
    expect(new URL(page.url()).pathname).toBe('/requests')
    await page.context().close()
  })

  it('keeps the document small however many come, and goes back to the first of them', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?consumer=flood' })
    await page.getByText('No request matches').waitFor()
    for (let second = 0; second < 3; second++) {
      write(
        'gateway-7',
        Array.from({ length: 300 }, (_, i) => ({ ago: 0, consumer: 'flood', model: `m${second * 300 + i}` })),
      )
      await page.waitForTimeout(300)
    }
    const total = async () => Number(await page.getByRole('table', { name: 'Requests' }).getAttribute('aria-rowcount')) - 1
    await expect.poll(total, { timeout: 15_000 }).toBe(900)
    expect(await rows(page).count()).toBeLessThan(80)
    await rows(page).first().locator('a').focus()
    await page.keyboard.press('End')
    await expect.poll(() => page.evaluate<number>('document.activeElement.closest("tr").ariaRowIndex * 1')).toBe(901)
    expect(await rows(page).count()).toBeLessThan(80)
    await page.context().close()
  })
})

describe('what was', () => {
  it('is there when the page opens, also after control was restarted, a page at a time', async () => {
    write(
      'gateway-8',
      Array.from({ length: 450 }, (_, i) => ({ ago: 4_000 - i, consumer: 'past', route: i === 3 ? 'rare' : 'usual' })),
    )
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?consumer=past' })
    const total = async () => Number(await page.getByRole('table', { name: 'Requests' }).getAttribute('aria-rowcount')) - 1
    await expect.poll(total, { timeout: 15_000 }).toBe(200)
    await page.getByText('live', { exact: true }).waitFor()
    await restartControl(page, system)
    await page.reload()
    await expect.poll(total, { timeout: 15_000 }).toBe(200)
    await rows(page).first().locator('a').focus()
    const atTheEnd = async () => {
      await page.keyboard.press('End')
      return await total()
    }
    await expect.poll(atTheEnd, { timeout: 15_000 }).toBe(450)
    await page.getByText('Those are all 450 that are kept.').waitFor()
    await page.goto(`${system.consoleUrl}/requests?consumer=past&route=rare&since=2h`)
    await expect.poll(() => rows(page).count()).toBe(1)
    await page.context().close()
  })

  it('is the same for `strata logs`, with the same filters', async () => {
    const told = async (...filters: string[]) => {
      const { code, stdout } = await strata(['logs', '-o', 'json', ...filters], { home: system.home })
      expect(code).toBe(0)
      return stdout
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as FinishedRecord)
    }
    const saved = await told('--assigned', 'assistant-v2', '--served', 'assistant-v1', '--outcome', 'ok')
    expect(saved.map(({ clientRequestId }) => clientRequestId)).toContain('order-2')
    expect(saved.every(({ prompt }) => prompt === undefined)).toBe(true)
    expect((await told('--status', '4xx', '--id', 'order-')).map(({ clientRequestId }) => clientRequestId)).toEqual(['order-3'])
    expect(await told('--slower-than', '1h')).toEqual([])
    expect((await strata(['logs', '--since', 'yesterday'], { home: system.home })).code).not.toBe(0)
  })
})

describe('filters', () => {
  it('are typed, stand in the address as chips, and are taken away', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests' })
    await rows(page).first().waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('status:404')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Take away the filter status: 404' }).waitFor()
    expect(new URL(page.url()).search).toBe('?status=404')
    await expect.poll(() => rowWith(page, 'model_not_found').count()).toBeGreaterThan(0)
    expect(await rowWith(page, '200').count()).toBe(0)

    await page.keyboard.type('rou')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.keyboard.type('assist')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Take away the filter route: assistant' }).waitFor()
    await page.getByText('No request matches').waitFor()
    await page.getByRole('button', { name: 'Take away the filter status: 404' }).press('Enter')
    await expect.poll(() => rowWith(page, 'assistant').count()).toBeGreaterThan(0)
    await page.reload()
    await page.getByRole('button', { name: 'Take away the filter route: assistant' }).waitFor()
    await page.context().close()
  })

  it('that control refuses say why', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?slowerThan=slow' })
    await page.getByRole('alert').getByText('is not a duration').waitFor()
    await page.context().close()
  })
})

describe('a request', () => {
  it('has its timeline, its figures and its ids; the prompt for an admin alone, and marked', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?id=order-1' })
    await page.getByText('prompts are recorded').waitFor()
    await rows(page).first().locator('a').press('Enter')
    const timeline = drawer(page).getByRole('list', { name: 'Timeline' })
    for (const step of ['Read and authenticate', 'Route and limits', 'Queue and first byte', 'Stream', 'Total'])
      await timeline.getByText(step, { exact: true }).waitFor()
    await drawer(page).getByText('order-1', { exact: true }).waitFor()
    await drawer(page).getByRole('button', { name: 'Copy: Request' }).waitFor()
    await drawer(page).getByRole('region', { name: 'Prompt' }).getByText('Question of order-1').waitFor()
    const address = page.url()
    await page.context().close()

    const viewer = await signIn(browser, system, { ...WIDE, role: 'viewer', path: new URL(address).pathname })
    await drawer(viewer.page).getByText('only admins see it').waitFor()
    expect(await viewer.page.getByText('Question of order-1').count()).toBe(0)
    await viewer.page.context().close()
  })

  it('that failed says what happened and what to do', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?id=order-3' })
    await rows(page).first().locator('a').press('Enter')
    await drawer(page).getByText('No route has this model name.').waitFor()
    await drawer(page).getByText('Compare the name with the routes’ models').waitFor()
    await page.context().close()
  })

  it('that nobody knows is said to be unknown', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: `/requests/req_${sortableId(Date.now())}` })
    await drawer(page).getByText('There is no record of a request').waitFor()
    await page.context().close()
  })
})

it('goes on by itself after a restart of control, and has what came meanwhile', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/requests?id=restart' })
  await page.getByText('No request matches').waitFor()
  await page.getByText('live', { exact: true }).waitFor()
  await ask('assistant', { id: 'restart-1' })
  await expect.poll(() => rows(page).count(), { timeout: 10_000 }).toBe(1)
  const restarted = restartControl(page, system)
  expect(await ask('assistant', { id: 'restart-2' })).toBe(200)
  await restarted
  await expect.poll(() => rows(page).count(), { timeout: 15_000 }).toBe(2)
  await ask('assistant', { id: 'restart-3' })
  await expect.poll(() => rows(page).count(), { timeout: 10_000 }).toBe(3)
  await page.context().close()
})
