import { describe, expect, it } from 'vitest'
import { isRetryable, parseModelDescriptions, parseModelList, readTorchServeError } from './rest.ts'

const described = {
  modelName: 'lin',
  modelVersion: '1.0',
  modelUrl: 'lin.mar',
  runtime: 'python',
  minWorkers: 1,
  maxWorkers: 2,
  batchSize: 1,
  maxBatchDelay: 100,
  responseTimeout: 10,
  loadedAtStartup: false,
  workers: [{ id: '9000', startTime: '2026-11-20T10:00:00.000Z', status: 'READY', memoryUsage: 0, pid: 7, gpu: false, gpuUsage: 'N/A' }],
  jobQueueStatus: { remainingCapacity: 100, pendingRequests: 0 },
}

describe('management answers', () => {
  it('reads a list of models, with its next page', () => {
    const models = [{ modelName: 'lin', modelUrl: 'lin.mar' }]
    expect(parseModelList({ models })).toEqual({ models })
    expect(parseModelList({ nextPageToken: '100', models })).toEqual({ nextPageToken: '100', models })
    expect(parseModelList({ nextPageToken: 100, models: [] })).toEqual({ nextPageToken: '100', models: [] })
  })

  it('reads descriptions', () => {
    const { runtime: _, ...known } = described
    expect(parseModelDescriptions([described])).toEqual([known])
    expect(parseModelDescriptions([{ modelName: 'lin', modelVersion: '1.0', minWorkers: 0, maxWorkers: 0 }])).toEqual([
      { modelName: 'lin', modelVersion: '1.0', minWorkers: 0, maxWorkers: 0, workers: [] },
    ])
  })

  it.each<[(value: unknown) => unknown, unknown, string]>([
    [parseModelList, null, "TorchServe's list of models is not as expected"],
    [parseModelList, { models: [{}] }, "TorchServe's list of models is not as expected at models.0.modelName"],
    [parseModelDescriptions, described, "TorchServe's description of a model is not as expected"],
    [parseModelDescriptions, [{ ...described, workers: {} }], 'at 0.workers'],
    [parseModelDescriptions, JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)), 'nested more than 128 levels'],
    [parseModelList, JSON.parse('{"__proto__":{"models":[]}}'), 'at models'],
  ])('refuses what is wrong (%#)', (parse, value, message) => {
    expect(() => parse(value)).toThrow(message)
  })
})

describe('errors', () => {
  it('are read where they have the shape', () => {
    const error = { code: 404, type: 'ModelNotFoundException', message: 'Model not found: none' }
    expect(readTorchServeError({ ...error, more: 1 })).toEqual(error)
    for (const value of [null, 'text', [], {}, { ...error, code: '404' }, { ...error, type: undefined }, { ...error, message: {} }]) {
      expect(readTorchServeError(value)).toBeUndefined()
    }
  })

  it.each<[number, string, string | undefined, boolean]>([
    [503, 'ServiceUnavailableException', 'Model "lin" Version 1.0 has no worker to serve inference request.', true],
    [503, 'ServiceUnavailableException', undefined, true],
    [500, 'InternalServerException', 'Worker died.', true],
    [500, 'InternalServerException', undefined, true],
    [500, 'InternalServerException', 'wrong input', false],
    [503, 'InternalServerException', 'Prediction failed', false],
    [507, 'InternalServerException', 'Worker died.', false],
    [404, 'ModelNotFoundException', 'Model not found: none', false],
    [404, 'ModelVersionNotFoundException', 'Model version: 9 does not exist', false],
    [400, 'InvalidKeyException', 'Token Authorization failed.', false],
    [409, 'ConflictStatusException', 'Model version 1.0 is already registered', false],
  ])('%d %s (%s): to be tried again is %s', (status, type, message, retryable) => {
    expect(isRetryable(status, type, message)).toBe(retryable)
  })
})
