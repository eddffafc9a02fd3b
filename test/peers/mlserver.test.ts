/** That the peer is MLServer itself, and says what we count on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MLSERVER_VERSION, type Mlserver, startMlserver } from './mlserver.ts'
import { INSTALL_TIMEOUT_MS } from './python.ts'

let server: Mlserver
beforeAll(async () => {
  server = await startMlserver()
}, INSTALL_TIMEOUT_MS)
afterAll(() => server?.close())

const get = (path: string) => fetch(server.restUrl + path)
const post = (path: string, body: unknown = {}) =>
  fetch(server.restUrl + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
const input = (datatype: string, data: readonly unknown[], shape = [data.length]) => ({ inputs: [{ name: 'x', datatype, shape, data }] })

describe('MLServer', () => {
  it('describes itself and its models', async () => {
    expect(await (await get('')).json()).toEqual({ name: 'mlserver', version: MLSERVER_VERSION, extensions: [] })
    expect(await (await get('/models/linear')).json()).toMatchObject({
      name: 'linear',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    })
    expect((await get('/models/linear/versions/v1/ready')).status).toBe(200)
    const unknown = await get('/models/none/ready')
    expect([unknown.status, await unknown.json()]).toEqual([404, { error: 'Model none not found' }])
  })

  it('infers numbers and bytes', async () => {
    const linear = await post('/models/linear/infer', { id: 'q', ...input('FP32', [1, 2.5], [1, 2]) })
    expect(linear.headers.get('ce-modelid')).toBe('linear')
    expect(await linear.json()).toMatchObject({
      id: 'q',
      model_name: 'linear',
      model_version: 'v1',
      outputs: [{ name: 'y', shape: [1, 2], datatype: 'FP32', data: [3, 6] }],
    })
    const upper = await post('/models/upper/infer', input('BYTES', ['a', 'né'], [2, 1]))
    expect(await upper.json()).toMatchObject({ outputs: [{ name: 'text', shape: [2, 1], datatype: 'BYTES', data: ['A', 'NÉ'] }] })
  })

  it('streams answers as events, and says no last word', async () => {
    const answer = await post('/models/upper/generate_stream', input('BYTES', ['a', 'b']))
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    const events = (await answer.text()).trim().split(/\r?\n\r?\n/)
    const data = events.map((event) => (JSON.parse(event.replace(/^data: /, '')) as { outputs: { data: string[] }[] }).outputs[0]!.data)
    expect(data).toEqual([['A'], ['B']])
  })

  it('fails in its own three ways', async () => {
    const invalid = await post('/models/linear/infer', { inputs: [{ name: 'x' }] })
    expect([invalid.status, await invalid.json()]).toMatchObject([
      422,
      {
        detail: expect.arrayContaining([
          { type: 'missing', loc: ['body', 'inputs', 0, 'shape'], msg: 'Field required', input: { name: 'x' } },
        ]),
      },
    ])
    const untyped = await fetch(`${server.restUrl}/models/linear/infer`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify(input('FP32', [1])),
    })
    expect(untyped.status).toBe(422)
    const raised = await post('/models/raising/infer', input('FP32', [1]))
    expect([raised.status, raised.headers.get('content-type')]).toEqual([500, expect.stringContaining('text/plain')])
    expect(await raised.text()).toContain('Traceback')
  })

  it('unloads and loads', async () => {
    expect(await (await post('/repository/index')).json()).toContainEqual(
      expect.objectContaining({ name: 'linear', version: 'v1', state: 'READY' }),
    )
    expect((await post('/repository/models/linear/unload')).status).toBe(200)
    expect((await get('/models/linear/ready')).status).toBe(404)
    expect((await post('/repository/models/linear/load')).status).toBe(200)
    expect((await get('/models/linear/ready')).status).toBe(200)
  })

  it('comes back on the same address after a crash', async () => {
    const slow = post('/models/slow/infer', input('FP32', [1])).then(
      () => 'answered',
      () => 'cut off',
    )
    await new Promise((done) => setTimeout(done, 200))
    await server.stop('SIGKILL')
    expect(await slow).toBe('cut off')
    await expect(get('')).rejects.toThrow()
    await server.restart()
    expect((await get('/health/ready')).status).toBe(200)
  })
})
