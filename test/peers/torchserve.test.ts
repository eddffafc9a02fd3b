/** That the peer is TorchServe itself, and says what we count on. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { INSTALL_TIMEOUT_MS } from './python.ts'
import { startTorchserve, type Torchserve } from './torchserve.ts'

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })

describe('TorchServe', () => {
  let server: Torchserve
  beforeAll(async () => {
    server = await startTorchserve({ jobQueueSize: 2 })
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => server?.close())

  const predict = (path: string, body: unknown) => post(`${server.inferenceUrl}/predictions/${path}`, body)
  const manage = (path: string, method = 'GET') => fetch(server.managementUrl + path, { method })

  it('predicts, in JSON that does not say so', async () => {
    const answer = await predict('linear', { x: [1, 2] })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, null])
    expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
    expect(await answer.json()).toEqual({ y: [3, 5] })
    expect(await (await predict('echo/1.0', { a: 1 })).json()).toEqual({ body: { a: 1 } })
    const form = await fetch(`${server.inferenceUrl}/predictions/echo`, { method: 'POST', body: new URLSearchParams({ a: '1' }) })
    expect(await form.json()).toEqual({ a: '1' })
  })

  it('streams raw pieces', async () => {
    const answer = await predict('stream', { pieces: ['one ', 'two ', 'three'], delay_ms: 200 })
    expect([answer.headers.get('ts_stream_next'), answer.headers.get('transfer-encoding')]).toEqual(['true', 'chunked'])
    const pieces: string[] = []
    for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) pieces.push(piece)
    expect(pieces).toEqual(['one ', 'two ', 'three'])
  })

  it('registers, describes and deletes', async () => {
    const registered = await manage('/models?url=linear-2.mar&initial_workers=1&synchronous=true', 'POST')
    expect([registered.status, await registered.json()]).toEqual([
      200,
      { status: 'Model "linear" Version: 2.0 registered with 1 initial workers' },
    ])
    expect(await (await predict('linear/2.0', { x: [1, 2] })).json()).toEqual({ y: [4, 7] })
    expect(await (await predict('linear', { x: [1, 2] })).json()).toEqual({ y: [3, 5] })
    const all = (await (await manage('/models/linear/all')).json()) as object[]
    expect(all).toMatchObject(['1.0', '2.0'].map((modelVersion) => ({ modelVersion, workers: [{ status: 'READY' }] })))
    expect((await manage('/models?url=linear-2.mar', 'POST')).status).toBe(409)
    expect((await manage('/models?url=none.mar', 'POST')).status).toBe(404)
    expect((await manage('/models/linear/2.0', 'DELETE')).status).toBe(200)
    const gone = await predict('linear/2.0', { x: [1] })
    expect([gone.status, await gone.json()]).toMatchObject([404, { type: 'ModelVersionNotFoundException' }])
  })

  it('fails when a handler raises, a worker dies or a queue is full', async () => {
    const raised = await predict('linear', { y: 1 })
    expect([raised.status, await raised.json()]).toMatchObject([503, { type: 'InternalServerException', message: 'Prediction failed' }])
    const died = await predict('dying', {})
    expect([died.status, await died.json()]).toMatchObject([500, { message: 'Worker died.' }])
    await server.untilReady('dying')
    const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await predict('slow', { delay_ms: 300 })).status))
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
  })

  it('does not give up the default version while there are others', async () => {
    await manage('/models?url=linear-2.mar', 'POST')
    const kept = await manage('/models/linear/1.0', 'DELETE')
    expect([kept.status, await kept.json()]).toEqual([
      403,
      { code: 403, type: 'InvalidModelVersionException', message: 'Cannot remove default version for model linear' },
    ])
    expect((await manage('/models/linear/9/set-default', 'PUT')).status).toBe(404)
    const chosen = await manage('/models/linear/2.0/set-default', 'PUT')
    expect([chosen.status, await chosen.json()]).toEqual([
      200,
      { status: 'Default version successfully updated for model "linear" to "2.0"' },
    ])
    expect(await (await manage('/models/linear')).json()).toMatchObject([{ modelVersion: '2.0' }])
    await manage('/models/linear/1.0/set-default', 'PUT')
    expect((await manage('/models/linear/2.0', 'DELETE')).status).toBe(200)
  })

  it('tells in the job queue alone what waits: its metrics count, and gauge the host and what is over', async () => {
    const metrics = async () => (await fetch(server.metricsUrl)).text()
    expect(await metrics()).toMatch(/^ts_inference_requests_total\{model_name="linear",/m)
    const busy = await predict('stream', { pieces: ['the worker is busy', 'until now'], delay_ms: 4000 })
    const waiting = [1, 2].map(() => predict('stream', { pieces: ['late'], delay_ms: 0 }))
    await vi.waitFor(async () => {
      expect(await (await manage('/models/stream')).json()).toMatchObject([
        { jobQueueStatus: { remainingCapacity: 0, pendingRequests: 2 } },
      ])
    }, 4000)
    const gauges = Array.from((await metrics()).matchAll(/^# TYPE (\S+) gauge$/gm), ([, name]) => name)
    expect(gauges.sort()).toEqual([
      ...['CPUUtilization', 'DiskAvailable', 'DiskUsage', 'DiskUtilization', 'GPUMemoryUsed', 'GPUMemoryUtilization', 'GPUUtilization'],
      ...['HandlerTime', 'MemoryAvailable', 'MemoryUsed', 'MemoryUtilization', 'PredictionTime', 'QueueTime'],
      ...['WorkerLoadTime', 'WorkerThreadTime'],
    ])
    expect(await busy.text()).toBe('the worker is busyuntil now')
    expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual([200, 200])
  })
})

describe('TorchServe with tokens', () => {
  it('refuses without the right one, and makes new ones at each start', async () => {
    const server = await startTorchserve({ load: ['linear'], authorization: true })
    try {
      const predict = (key?: string) =>
        post(`${server.inferenceUrl}/predictions/linear`, { x: [1] }, key ? { authorization: `Bearer ${key}` } : {})
      const keys = server.keys()!
      expect(await (await predict(keys.inference)).json()).toEqual({ y: [3] })
      for (const wrong of [undefined, keys.management]) {
        const refused = await predict(wrong)
        expect([refused.status, await refused.json()]).toMatchObject([400, { code: 400, type: 'InvalidKeyException' }])
      }
      expect((await fetch(`${server.inferenceUrl}/ping`)).status).toBe(400)
      expect((await fetch(server.metricsUrl)).status).toBe(200)
      await server.stop('SIGKILL')
      await expect(predict(keys.inference)).rejects.toThrow()
      await server.restart()
      expect(server.keys()).not.toEqual(keys)
      expect((await predict(server.keys()!.inference)).status).toBe(200)
    } finally {
      await server.close()
    }
  })
})
