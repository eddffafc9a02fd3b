import { describe, expect, it } from 'vitest'
import type { Spec } from '../../../src/resources/index.ts'
import { type Draft, isAddress, referenceOf, secretDraftOf, specOf } from './draft.ts'

const draft = (more: Partial<Draft> = {}): Draft => ({
  protocol: 'openai',
  address: 'http://10.0.0.7:8000/v1',
  secret: { from: 'none', place: '' },
  manages: false,
  management: '',
  managementSecret: { from: 'none', place: '' },
  period: '10s',
  discovers: false,
  most: 256,
  ...more,
})
const torchserve: Spec<'Backend'> = {
  protocol: 'torchserve',
  address: 'http://a:8080',
  management: { address: 'http://a:8081', credentials: { bearer: { file: '/run/key' } } },
  credentials: { bearer: { env: 'KEY' } },
  health: { period: '1m' },
  discovery: { models: true },
  manage: true,
  maxConcurrent: 4,
}
const draftOf = (spec: Spec<'Backend'>): Draft => ({
  protocol: spec.protocol,
  address: spec.address,
  secret: secretDraftOf(spec.credentials?.bearer),
  manages: spec.manage,
  management: spec.management?.address ?? '',
  managementSecret: secretDraftOf(spec.management?.credentials?.bearer),
  period: spec.health.period,
  discovers: spec.discovery?.models === true,
  most: spec.maxConcurrent,
})

describe('a form', () => {
  it('that nobody has touched says what was there', () => {
    expect(specOf(torchserve, draftOf(torchserve))).toEqual(torchserve)
    const bare = specOf(undefined, draft())!
    expect(bare).toEqual({
      protocol: 'openai',
      address: 'http://10.0.0.7:8000/v1',
      health: { period: '10s' },
      manage: false,
      maxConcurrent: 256,
    })
    expect(specOf(bare, draftOf(bare))).toEqual(bare)
  })

  it('takes away what is switched off', () => {
    const off = specOf(torchserve, {
      ...draftOf(torchserve),
      secret: { from: 'none', place: '' },
      management: '',
      manages: false,
      discovers: false,
    })
    expect(off).toEqual({
      protocol: 'torchserve',
      address: 'http://a:8080',
      health: { period: '1m' },
      discovery: { models: false },
      manage: false,
      maxConcurrent: 4,
    })
  })

  it.each([
    { address: '' },
    { address: '10.0.0.7:8000' },
    { address: 'ftp://a' },
    { period: '10' },
    { most: undefined },
    { secret: { from: 'env', place: '' } },
    { secret: { from: 'env', place: 'sk-not-a-name' } },
    { secret: { from: 'file', place: '' } },
    { management: 'a:8081' },
    { management: 'http://a', managementSecret: { from: 'file', place: '' } },
  ] as Partial<Draft>[])('is not ready with %j', (more) => {
    expect(specOf(undefined, draft(more))).toBeUndefined()
  })
})

it('addresses and places of secrets', () => {
  expect(['http://a', 'https://a.b/v1', 'http://', 'a'].map(isAddress)).toEqual([true, true, false, false])
  expect(referenceOf({ from: 'env', place: 'KEY' })).toEqual({ env: 'KEY' })
  expect(referenceOf({ from: 'file', place: '/k' })).toEqual({ file: '/k' })
})
