/** Backends in a real browser, against servers that say what they are told to say: seen, gone down and come back, made, changed, put back, deleted. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { freePorts } from '../harness/ports.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { launch, SIZES, scrollsSideways, seriousFindings, signIn } from './browser.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }
const WIDE = { width: 1280, scheme: 'light' } as const
const SECRET = 'sk-theirs-and-nobody-elses'

/** A server that answers `says[path]` with 200, anything else with 404. Down and up again it has the same port. */
class Scripted {
  #server: Server | undefined
  port = 0
  readonly says: Record<string, unknown>

  constructor(says: Record<string, unknown>) {
    this.says = says
  }

  async up(): Promise<void> {
    this.#server = createServer((req, res) => {
      req.resume()
      const said = this.says[req.url!]
      res.writeHead(said === undefined ? 404 : 200, { 'content-type': typeof said === 'string' ? 'text/plain' : 'application/json' })
      res.end(typeof said === 'string' ? said : JSON.stringify(said ?? {}))
    })
    await new Promise<void>((done) => this.#server!.listen(this.port, '127.0.0.1', done))
    this.port = (this.#server.address() as AddressInfo).port
  }

  async down(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise((done) => (this.#server ? this.#server.close(done) : done(undefined)))
    this.#server = undefined
  }
}

const vllm = new Scripted({
  '/v1/models': { object: 'list', data: [{ id: 'Qwen/Qwen3-8B', object: 'model', owned_by: 'vllm' }] },
  '/metrics': 'vllm:num_requests_running{model_name="Qwen/Qwen3-8B"} 0\nvllm:num_requests_waiting{model_name="Qwen/Qwen3-8B"} 0\n',
  '/version': { version: '0.11.0' },
})
const triton = new Scripted({
  '/v2/health/live': '',
  '/v2/health/ready': '',
  '/v2': { name: 'triton', version: '2.60.0', extensions: ['model_repository', 'binary_tensor_data', 'statistics'] },
  '/v2/repository/index': [
    { name: 'iris', version: '1', state: 'READY', reason: '' },
    { name: 'segmenter', version: '3', state: 'UNAVAILABLE', reason: 'Internal: out of GPU memory' },
    ...Array.from({ length: 12 }, (_, at) => ({ name: `ranker-${at + 1}`, version: '1', state: 'READY', reason: '' })),
  ],
  '/v2/models/iris/versions/1': {
    name: 'iris',
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'measures', datatype: 'FP32', shape: [-1, 4] }],
    outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 3] }],
  },
})

const backend = (name: string, spec: object) => ({ ...head, kind: 'Backend', metadata: { name }, spec })
const model = (name: string, task: string) => ({ ...head, kind: 'Model', metadata: { name }, spec: { task } })
const version = (of: string, name: string, source: object) => ({
  ...head,
  kind: 'ModelVersion',
  metadata: { name: `${of}-${name}` },
  spec: { model: of, version: name, source: { backend: source } },
})
const route = (name: string, targets: Record<string, number>) => ({
  ...head,
  kind: 'Route',
  metadata: { name },
  spec: { models: [name], targets: Object.entries(targets).map(([each, weight]) => ({ version: each, weight })) },
})

let system: System
let browser: Browser
/** Not in the system's home, whose files are nobody's to name. */
let keyFile: string
beforeAll(async () => {
  await Promise.all([vllm.up(), triton.up()])
  ;[system, browser] = await Promise.all([startSystem({ bootstrap: simulatedAssistant(), env: { VLLM_KEY: SECRET } }), launch()])
  const [nobody] = await freePorts(1)
  keyFile = join(mkdtempSync(join(tmpdir(), 'strata-key-')), 'triton.key')
  writeFileSync(keyFile, SECRET)
  const documents = [
    backend('our-vllm', {
      protocol: 'openai',
      address: `http://127.0.0.1:${vllm.port}/v1`,
      credentials: { bearer: { env: 'VLLM_KEY' } },
      health: { period: '500ms' },
      discovery: { models: true },
    }),
    backend('triton', {
      protocol: 'oip',
      address: `http://127.0.0.1:${triton.port}`,
      credentials: { bearer: { file: keyFile } },
      discovery: { models: true },
    }),
    backend('gone', { protocol: 'openai', address: `http://127.0.0.1:${nobody}/v1` }),
    model('iris', 'tensor'),
    version('assistant', 'v2', { name: 'our-vllm', model: 'Qwen/Qwen3-8B' }),
    version('iris', 'v1', { name: 'triton', version: '1' }),
    version('iris', 'v2', { name: 'triton', model: 'segmenter' }),
    route('assistant', { 'assistant-v1': 90, 'assistant-v2': 10 }),
    route('iris', { 'iris-v1': 100 }),
  ]
  await system.control('POST', '/apply', { documents })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
  await Promise.all([vllm.down(), triton.down()])
  if (keyFile) rmSync(dirname(keyFile), { recursive: true })
})

const rowOf = (page: Page, table: string, text: string) =>
  page.getByRole('table', { name: table }).locator('tbody tr').filter({ hasText: text })
const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true, level: 1 })
const written = (name: string) => system.control<Resource<'Backend'>>('GET', `/backends/${name}`)

describe.each(SIZES)('%i px, %s', (width, scheme) => {
  it('shows all backends, one of them and a version on it without serious findings of axe', async () => {
    const { page, errors } = await signIn(browser, system, { width, scheme, path: '/backends' })
    const ours = rowOf(page, 'Backends', 'our-vllm')
    await ours.getByText('Ready', { exact: true }).waitFor({ timeout: 20_000 })
    await ours.getByText('vLLM 0.11.0').waitFor()
    await rowOf(page, 'Backends', 'triton').getByText('1 not ready').waitFor()
    await rowOf(page, 'Backends', 'gone').getByText('nobody listens there').waitFor()
    await page.getByRole('status').getByText('gone is down: nobody listens there (connection refused). No version lives on it.').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await rowOf(page, 'Backends', 'triton').locator('.row-entry').press('Enter')
    await heading(page, 'triton').waitFor()
    await page.getByText('triton 2.60.0').waitFor()
    await page.getByText('binary_tensor_data').waitFor()
    await page.getByText('13 of 14 ready').waitFor()
    await rowOf(page, 'Models there', 'segmenter').getByText('out of GPU memory').waitFor()
    await rowOf(page, 'Models there', 'segmenter').getByRole('link', { name: 'iris@v2' }).waitFor()
    await rowOf(page, 'Versions that live on it', 'iris@v2').getByText('is broken there').waitFor()
    await page.getByRole('region', { name: 'Traffic' }).getByRole('link', { name: 'iris', exact: true }).waitFor()
    await page.getByRole('region', { name: 'History' }).getByText('created it').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('region', { name: 'Change of Backend/triton' }).waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])

    await page.goto(`${system.consoleUrl}/models/iris/v1`)
    await rowOf(page, 'Inputs and outputs', 'measures').getByText('any × 4').waitFor({ timeout: 20_000 })
    await rowOf(page, 'Inputs and outputs', 'probabilities').getByText('FP32').waitFor()
    expect(await scrollsSideways(page)).toBe(false)
    expect(await seriousFindings(page)).toEqual([])
    await page.getByRole('link', { name: 'triton', exact: true }).press('Enter')
    await heading(page, 'triton').waitFor()
    expect(errors).toEqual([])
    await page.context().close()
  })
})

describe('a backend', () => {
  it('that goes down and comes back is seen, where one looks and without a reload', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/backends' })
    const ours = rowOf(page, 'Backends', 'our-vllm')
    await ours.getByText('Ready', { exact: true }).waitFor()
    await vllm.down()
    await ours.getByText('Down', { exact: true }).waitFor({ timeout: 15_000 })
    await page.getByRole('status').getByText('The route assistant sends requests there.').waitFor()
    // What it was is still known.
    await ours.getByText('vLLM 0.11.0').waitFor()

    await ours.locator('.row-entry').press('Enter')
    await heading(page, 'our-vllm').waitFor()
    await page
      .getByRole('status')
      .getByText('It is down: nobody listens there (connection refused). It is asked again every 500ms.')
      .waitFor()
    await rowOf(page, 'Versions that live on it', 'assistant@v2').getByText('Failed').waitFor({ timeout: 15_000 })
    const reachable = page.getByRole('region', { name: 'Conditions' }).getByRole('listitem').filter({ hasText: 'Reachable' })
    await reachable.getByText('no', { exact: true }).waitFor()
    await page.getByText('1, all ready when it last answered').waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await vllm.up()
    await page.getByRole('status').getByText('nobody listens there').waitFor({ state: 'hidden', timeout: 15_000 })
    await reachable.getByText('yes', { exact: true }).waitFor()
    await rowOf(page, 'Versions that live on it', 'assistant@v2').getByText('Ready').waitFor({ timeout: 15_000 })
    await page.context().close()
  })

  it('shows where its key is read from, and the key nowhere', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/backends/our-vllm' })
    await page.getByText('read from the environment variable VLLM_KEY').waitFor()
    await page.getByText('Show it as YAML').click()
    expect(await page.content()).not.toContain(SECRET)
    await page.goto(`${system.consoleUrl}/backends/triton`)
    await page.getByText(`read from the file ${keyFile}`).waitFor()
    expect(await page.content()).not.toContain(SECRET)
    await page.context().close()
  })

  it('with many models has them searched, and the search stands in the address', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/backends/triton' })
    await page.getByRole('textbox', { name: 'Search the models' }).focus()
    await page.keyboard.type('ranker 1')
    await page.getByText('4 fit').waitFor()
    await page.keyboard.type('2')
    await page.getByText('1 fits').waitFor()
    await page.reload()
    await rowOf(page, 'Models there', 'ranker-12').waitFor()
    expect(await page.getByRole('table', { name: 'Models there' }).locator('tbody tr').count()).toBe(1)
    await page.context().close()
  })

  it('is made, changed, put back and deleted by keyboard alone', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/backends' })
    await page.getByRole('button', { name: 'New backend' }).press('Enter')
    await page.locator('input:focus').waitFor()
    await page.keyboard.type('fresh')
    expect(await page.getByRole('button', { name: 'Review it' }).isDisabled()).toBe(true)
    await page.getByRole('textbox', { name: 'Address' }).focus()
    await page.keyboard.type(`http://127.0.0.1:${vllm.port}/v1`)
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    const option = page.getByRole('option', { name: 'an environment variable' })
    await option.waitFor()
    // Which option an arrow begins from is settled a moment after the list is open.
    while ((await option.getAttribute('data-combobox-selected')) === null) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    expect(await page.getByRole('button', { name: 'Review it' }).isDisabled()).toBe(true)
    await page.getByRole('textbox', { name: 'Name of the variable' }).focus()
    await page.keyboard.type('VLLM_KEY')
    await page.keyboard.press('Enter')
    await page.locator('.review .difference').getByText('env: VLLM_KEY').waitFor()
    await page.getByRole('button', { name: 'Make the backend' }).press('Enter')
    await heading(page, 'fresh').waitFor()
    await rowOf(page, 'Models there', 'Qwen/Qwen3-8B').getByText('ready').waitFor({ timeout: 15_000 })
    await page.getByText('No version lives here, so that no request comes here.').waitFor()

    await page.getByRole('button', { name: 'Change' }).press('Enter')
    await page.getByRole('textbox', { name: 'Most at once, each gateway' }).fill('12')
    await page.keyboard.press('Enter')
    await page.locator('.review .difference').getByText('spec.maxConcurrent').waitFor()
    await page.locator('.review .difference .added').getByText('12').waitFor()
    await page.getByRole('button', { name: 'Apply' }).press('Enter')
    await page.getByText('12 requests at once from each gateway, at most').waitFor()
    expect((await written('fresh')).spec.maxConcurrent).toBe(12)

    await page.getByRole('region', { name: 'History' }).getByText('maxConcurrent 256 → 12').waitFor({ timeout: 10_000 })
    await page.getByRole('button', { name: 'Undo' }).press('Enter')
    await page.getByRole('button', { name: 'Put it back' }).press('Enter')
    await page.getByText('256 requests at once from each gateway, at most').waitFor()
    expect((await written('fresh')).spec.maxConcurrent).toBe(256)

    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    await page.getByRole('dialog').getByText('No version lives on it').waitFor()
    await page.locator('input:focus').waitFor()
    await page.keyboard.type('fresh')
    await page.keyboard.press('Enter')
    await heading(page, 'Backends').waitFor()
    await rowOf(page, 'Backends', 'fresh').waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('that a version lives on is not deleted, and it is said which', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/backends/our-vllm' })
    await page.getByRole('button', { name: 'Delete…' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('assistant@v2 lives on it').waitFor()
    await page.locator('input:focus').waitFor()
    await page.keyboard.type('our-vllm')
    await page.keyboard.press('Enter')
    await dialog.getByRole('alert').getByText('Backend/our-vllm is named by ModelVersion/assistant-v2.').waitFor()
    await page.context().close()
  })

  it('is managed at another address where it is TorchServe, and what is not one is not taken', async () => {
    const { page } = await signIn(browser, system, { ...WIDE, path: '/backends?create=1' })
    await page.getByRole('textbox', { name: 'Name' }).fill('torch')
    expect(await page.getByRole('textbox', { name: 'Management address' }).count()).toBe(0)
    await page.getByRole('combobox', { name: 'Speaks' }).press('Enter')
    await page.getByRole('option', { name: 'TorchServe' }).click()
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('10.0.0.8:8080')
    await page.getByText('As http://10.0.0.8:8080', { exact: true }).waitFor()
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('http://10.0.0.8:8080')
    await page.getByRole('textbox', { name: 'Management address' }).fill('http://10.0.0.8:8081')
    await page.keyboard.press('Enter')
    await page.locator('.review .difference').getByText('management:').waitFor()
    await page.getByRole('button', { name: 'Go on editing' }).press('Enter')
    await page.getByRole('button', { name: 'Cancel' }).press('Enter')
    expect(new URL(page.url()).search).toBe('')
    await page.context().close()
  })
})

it('a viewer sees all of it, may change nothing, and is told so', async () => {
  const { page, errors } = await signIn(browser, system, { ...WIDE, role: 'viewer', path: '/backends/our-vllm' })
  await page.getByText('You are signed in as viewer. To change backends takes the role editor').waitFor()
  await rowOf(page, 'Models there', 'Qwen/Qwen3-8B').waitFor()
  for (const name of ['Delete…', 'Change', 'Undo']) expect(await page.getByRole('button', { name, exact: true }).count()).toBe(0)
  expect(errors).toEqual([])
  await page.context().close()
})

it('an address of nothing says so', async () => {
  const { page } = await signIn(browser, system, { ...WIDE, path: '/backends/nothing' })
  await page.getByText('There is no backend nothing.').waitFor()
  await page.context().close()
})

it('an empty system teaches its first backend, and the manifest works as it stands', async () => {
  await using empty = await startSystem()
  const { page } = await signIn(browser, empty, { ...WIDE, path: '/backends' })
  const lesson = page.getByRole('region', { name: 'No backend yet' })
  const file = join(empty.home, 'backend.yaml')
  writeFileSync(file, (await lesson.locator('pre').textContent())!)
  expect(await strata(['apply', '-f', file], { home: empty.home })).toMatchObject({ code: 0 })
  await rowOf(page, 'Backends', 'our-vllm').waitFor({ timeout: 10_000 })
  await page.context().close()
})
