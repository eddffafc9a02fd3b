import { expect, test } from 'vitest'
import { listedManifests } from './manifest-list.ts'

const items = [{ kind: 'Route' }, null]

test.each<[string, unknown]>([
  ['items alone', { items }],
  ['a List', { apiVersion: 'v1', kind: 'List', items }],
  ['what the API answers', { apiVersion: 'strata.dev/v1alpha1', kind: 'RouteList', metadata: { resourceVersion: '7' }, items }],
])('%s stand for the manifests in it', (_, document) => {
  expect(listedManifests(document)).toBe(items)
})

test.each<[string, unknown]>([
  ['a resource', { kind: 'Route', metadata: { name: 'r' }, items }],
  ['a mapping with more to it', { items, spec: {} }],
  ['items that are no list', { items: { a: 1 } }],
  ['a bare list', items],
  ['nothing', null],
])('%s is no list of manifests', (_, document) => {
  expect(listedManifests(document)).toBeUndefined()
})
