import { describe, expect, it } from 'vitest'
import type { Resource } from '../../resources/index.ts'
import { modelVersion } from '../../resources/model-version.ts'
import type { CompiledVersion } from '../../resources/snapshot.ts'
import { type CompileLookup, compileResource } from './compile.ts'

const lookup: CompileLookup = {
  backend: () => ({ spec: { protocol: 'openai', address: 'http://10.0.0.7:8000/v1', maxConcurrent: 8 } as never, status: undefined }),
  task: () => 'chat',
  deciders: () => ({ rollouts: [], experiments: [] }),
}

const ENGINE = { engine: { kind: 'simulated' } }
const IMAGE = { image: { name: 'vllm/vllm-openai:v0.11.0', protocol: 'openai', port: 8000 } }
const BACKEND = { backend: { name: 'there' } }
const POLICY = { objective: {} }

function compiled(source: object, scaling: object, startupMs?: number): CompiledVersion {
  const spec = modelVersion.spec.parse({ model: 'assistant', version: 'v1', source, scaling })
  const status = { conditions: [], scaling: { wanted: 0, reason: 'Nobody asks.', since: '2026-01-01T00:00:00Z', startupMs } }
  const resource = { kind: 'ModelVersion', metadata: { name: 'assistant-v1', namespace: 'default' }, spec, status }
  return compileResource(resource as unknown as Resource<'ModelVersion'>, lookup)[0]![1] as CompiledVersion
}

describe('what a gateway may hold', () => {
  it.each<[string, object, object, CompiledVersion['hold']]>([
    ['an engine with a policy', ENGINE, { min: 0, max: 3, policy: POLICY }, { most: 100, forMs: 60_000 }],
    ['an image with a policy', IMAGE, { min: 0, max: 3, policy: POLICY }, { most: 100, forMs: 60_000 }],
    ['bounds of its own', ENGINE, { min: 0, max: 3, policy: POLICY, hold: { most: 7, for: '90s' } }, { most: 7, forMs: 90_000 }],
    ['one bound of its own', ENGINE, { min: 0, max: 3, policy: POLICY, hold: { most: 0 } }, { most: 0, forMs: 60_000 }],
    ['no policy', ENGINE, { min: 0 }, undefined],
    ['no policy, whatever it says of holding', ENGINE, { min: 0, hold: { most: 7 } }, undefined],
    ['a server that runs elsewhere', BACKEND, { min: 0, max: 3, policy: POLICY }, undefined],
  ])('%s', (_what, source, scaling, expected) => {
    expect(compiled(source, scaling).hold).toEqual(expected)
  })

  it.each([
    [12_000, 12_000],
    [12_001, 13_000],
    [12_999.7, 13_000],
    [1, 1_000],
  ])('a start that was measured as %s ms goes out as %s ms', (measured, told) => {
    expect(compiled(ENGINE, { min: 0, max: 3, policy: POLICY }, measured).hold!.startupMs).toBe(told)
  })
})
