import { expect, test } from 'vitest'
import { allowedHosts, type Fetched, isForgeable, isHostAllowed, parameterProblem } from './guard.ts'

const hosts = allowedHosts({ host: '127.0.0.1', machine: 'Laptop', extra: 'strata.example, ' })

test.each<[string | undefined, boolean]>([
  ['127.0.0.1:7401', true],
  ['[::1]:7401', true],
  ['192.168.1.7', true],
  ['localhost:7401', true],
  ['LOCALHOST', true],
  ['strata.localhost', true],
  ['laptop:7401', true],
  ['strata.example', true],
  ['evil.example:7401', false],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['evil.example/127.0.0.1', false],
  ['', false],
  [undefined, false],
])('host %s: %s', (host, expected) => {
  expect(isHostAllowed(host, hosts)).toBe(expected)
})

const request = (more: Partial<Fetched>): Fetched => ({
  method: 'POST',
  host: '127.0.0.1:7401',
  origin: undefined,
  site: undefined,
  byCookie: true,
  ...more,
})
const own = 'http://127.0.0.1:7401'

test.each<[string, Partial<Fetched>, boolean]>([
  ['our own page', { origin: own, site: 'same-origin' }, false],
  ['our own page in an old browser', { origin: own }, false],
  ['a page on the internet', { origin: 'https://evil.example', site: 'cross-site' }, true],
  ['a page on another port of this machine', { origin: 'http://127.0.0.1:3000', site: 'same-site' }, true],
  ['the same without fetch metadata', { origin: 'http://127.0.0.1:3000' }, true],
  ['a sandboxed page', { origin: 'null' }, true],
  ['a cookie from who knows where', {}, true],
  ['a program with a token', { byCookie: false }, false],
  ['a foreign page with a token', { byCookie: false, origin: 'https://evil.example' }, true],
  ['a foreign page that reads', { method: 'GET', origin: 'https://evil.example', site: 'cross-site' }, false],
])('%s', (_, more, expected) => {
  expect(isForgeable(request(more))).toBe(expected)
})

test('parameters stand there once, and hold no NUL', () => {
  expect(parameterProblem({ name: 'a', namespace: '' })).toBeUndefined()
  expect(parameterProblem({ name: ['a', 'b'] })).toContain('"name" stands there more than once')
  expect(parameterProblem({ name: 'a\0' })).toContain('NUL')
})
