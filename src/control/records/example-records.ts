/** Records for tests of whatever reads them. */
import type { FeedbackRecord, FinishedRecord, ProgressRecord, StartedRecord } from '../../monitoring/request-records.ts'

export function finishedRecord(more: Partial<FinishedRecord> = {}): FinishedRecord {
  return {
    type: 'finished',
    ...{ id: 'r1', gateway: 'gateway-0', boot: 'B', seq: 1, time: '2026-11-25T10:00:10.500Z', operation: 'chat' },
    ...{
      consumer: 'shop',
      key: 'k',
      namespace: 'default',
      route: 'assistant',
      model: 'assistant',
      assigned: 'v1',
      served: 'v1',
      instance: 'v1-0',
    },
    ...{ stream: true, attempts: [], outcome: 'ok', status: 200 },
    tokens: { in: 10, cached: 4, out: 20 },
    times: { firstToken: 100, total: 2_000 },
    ...more,
  }
}

export function startedRecord(more: Partial<StartedRecord> = {}): StartedRecord {
  return {
    type: 'started',
    ...{ id: 'r1', gateway: 'gateway-0', boot: 'B', seq: 0, time: '2026-11-25T10:00:08.500Z', after: 0, operation: 'chat' },
    ...{ consumer: 'shop', key: 'k', namespace: 'default', route: 'assistant', routeGeneration: 1, model: 'assistant', assigned: 'v1' },
    ...{ pinned: false, assignments: [], stream: true },
    ...more,
  }
}

export function progressRecord(more: Partial<ProgressRecord> = {}): ProgressRecord {
  return {
    type: 'progress',
    ...{ id: 'r1', gateway: 'gateway-0', boot: 'B', seq: 1, time: '2026-11-25T10:00:08.700Z', after: 200, namespace: 'default' },
    ...{ route: 'assistant', assigned: 'v1', assignments: [], firstToken: 100 },
    ...more,
  }
}

export function feedbackRecord(more: Partial<FeedbackRecord> = {}): FeedbackRecord {
  return {
    type: 'feedback',
    ...{ id: 'f1', gateway: 'gateway-0', boot: 'B', seq: 2, time: '2026-11-25T10:00:20.000Z', namespace: 'default', consumer: 'shop' },
    ...{ key: 'k', request: 'r1', score: 1, rated: 'up' },
    ...more,
  }
}
