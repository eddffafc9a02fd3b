import { expect, it, vi } from 'vitest'
import type { CompiledDivision } from '../../src/resources/snapshot.ts'
import {
  chunk,
  ending,
  entriesOf,
  finished,
  type Handler,
  hello,
  instance,
  recordsOf,
  route,
  start,
  type TestGateway,
  talk,
  up,
  version,
} from './harness.ts'

/** A gateway with a release from v1 to v2 (`weight` is that of v2), and `handler` behind both. */
async function released(handler: Handler, weight: number, more: Partial<CompiledDivision> = {}): Promise<TestGateway> {
  const server = await up(handler)
  const gateway = await start(
    entriesOf(
      route({
        targets: [
          { version: 'assistant-v1', weight: 100 - weight },
          { version: 'assistant-v2', weight },
        ],
        division: { by: 'Rollout/assistant-v2', uid: 'uid-r', attempt: 1, arms: ['assistant-v1', 'assistant-v2'], ...more },
      }),
      version(),
      version({ name: 'assistant-v2', version: 'v2' }),
      instance(server.port, { id: 'one' }),
      instance(server.port, { id: 'two', version: 'assistant-v2' }),
    ),
  )
  return gateway
}

it('tells of a stream that its first token has come while it goes on', async () => {
  let end = () => {}
  const gateway = await released((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    setTimeout(() => res.write(chunk('a')), 250)
    end = () => res.end(chunk('b') + ending(7, 2))
  }, 40)
  const answer = gateway.post(hello({ stream: true })).then((res) => res.text())
  await vi.waitFor(() => expect(recordsOf(gateway).map(({ type }) => type)).toEqual(['started', 'progress']), 5_000)
  end()
  await answer
  await vi.waitFor(() => expect(recordsOf(gateway).map(({ type }) => type)).toEqual(['started', 'progress', 'finished']), 5_000)
  const [started, progress, last] = recordsOf(gateway)
  if (progress?.type !== 'progress' || last?.type !== 'finished') throw new Error('these are others')
  expect(new Set([started!.id, progress.id, last.id]).size).toBe(1)
  expect(progress.firstToken).toBe(last.times.firstToken)
  expect(progress.firstToken).toBeGreaterThan(200)
  expect(progress.after).toBeGreaterThanOrEqual(progress.firstToken)
  const { assigned } = progress
  const share = assigned === 'assistant-v2' ? 40 : 60
  expect(progress.assignments).toEqual([
    { by: 'Route/assistant#1', arm: assigned, share, unitKind: 'random', unit: '' },
    { by: 'Rollout/assistant-v2#uid-r#1', arm: assigned, share, unitKind: 'random', unit: '' },
  ])
  for (const record of [started, last]) expect(record).toMatchObject({ assigned, assignments: progress.assignments })
})

it.each([
  ['that is not streamed', false, 50, 400],
  ['whose version is compared with none', true, 0, 300],
])('says nothing of the first token of an answer %s', async (_name, stream, weight, pauseMs) => {
  const gateway = await released(
    stream ? talk(['a', 'b'], pauseMs) : (req, res, body) => void setTimeout(talk(['a']), pauseMs, req, res, body),
    weight,
  )
  await (await gateway.post(hello({ stream }))).text()
  await finished(gateway, 1)
  expect(recordsOf(gateway).filter(({ type }) => type === 'progress')).toEqual([])
})

it('shows the new version in advance to whom it is named, and compares them with nobody', async () => {
  const preview = { to: 'assistant-v2', headers: { 'x-beta': 'yes' }, consumers: [] }
  const gateway = await released(talk(['a', 'b'], 200), 0, { preview })
  for (const [headers, expected] of [
    [{ 'x-beta': 'yes' }, 'assistant@v2'],
    [{}, 'assistant@v1'],
  ] as const) {
    const res = await gateway.post(hello({ stream: true }), headers)
    expect(res.headers.get('x-strata-model-version')).toBe(expected)
    await res.text()
  }
  const [shown, other] = await finished(gateway, 2)
  expect(shown).toMatchObject({ assigned: 'assistant-v2', preview: true })
  expect(shown).not.toHaveProperty('assignments')
  expect(shown).not.toHaveProperty('pinned')
  expect(other).toMatchObject({ assigned: 'assistant-v1', assignments: [{ by: 'Route/assistant#1', share: 100 }] })
  expect(other).not.toHaveProperty('preview')
  const started = recordsOf(gateway).filter(({ type }) => type === 'started')
  expect(started.map((record) => 'preview' in record && record.preview)).toEqual([true, false])
  expect(recordsOf(gateway).some(({ type }) => type === 'progress')).toBe(false)
})
