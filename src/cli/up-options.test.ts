import { expect, test } from 'vitest'
import { isLoopback, readUpOptions, type UpFlags } from './up-options.ts'

const read = (flags: UpFlags = {}, env: NodeJS.ProcessEnv = {}) => readUpOptions(flags, env, 'linux')

test('what nothing is said about', () => {
  expect(read()).toEqual({
    host: '127.0.0.1',
    port: 7400,
    consolePort: 7401,
    gateways: 1,
    tls: undefined,
    corsOrigins: [],
    apiKey: undefined,
    recordPrompts: false,
    gatewayUrl: 'http://127.0.0.1:7400',
    consoleUrl: 'http://127.0.0.1:7401',
  })
})

test.each<[string, UpFlags, NodeJS.ProcessEnv, object]>([
  ['the console is beside the gateway', { port: '7500' }, {}, { port: 7500, consolePort: 7501 }],
  ['the environment', {}, { STRATA_GATEWAY_PORT: '7600', STRATA_CONSOLE_PORT: '9' }, { port: 7600, consolePort: 9 }],
  [
    'a flag before the environment',
    { port: '1', consolePort: '2' },
    { STRATA_GATEWAY_PORT: '3', STRATA_CONSOLE_PORT: '4' },
    { port: 1, consolePort: 2 },
  ],
  ['prompts are recorded by flag', { recordPrompts: true }, {}, { recordPrompts: true }],
  ['or by environment', {}, { STRATA_RECORD_PROMPTS: '1' }, { recordPrompts: true }],
  ['the last port has none after it', { port: '65535' }, {}, { consolePort: 65534 }],
  ['an empty variable says nothing', {}, { STRATA_GATEWAY_PORT: '', STRATA_API_KEY: '' }, { port: 7400, apiKey: undefined }],
  ['every address, behind something that encrypts', { host: '0.0.0.0', insecure: true }, {}, { gatewayUrl: 'http://127.0.0.1:7400' }],
  ['IPv6', { host: '::', insecure: true }, {}, { gatewayUrl: 'http://[::1]:7400' }],
  ['TLS', { host: '10.0.0.7', tlsCert: 'c', tlsKey: 'k' }, {}, { tls: { cert: 'c', key: 'k' }, gatewayUrl: 'https://10.0.0.7:7400' }],
  ['localhost by name', { host: 'localhost' }, {}, { consoleUrl: 'http://localhost:7401' }],
  ['origins', { corsOrigin: ['https://a.example', '*'] }, {}, { corsOrigins: ['https://a.example', '*'] }],
  ['a key of one’s own', {}, { STRATA_API_KEY: 'sk-0123456789abcdef' }, { apiKey: 'sk-0123456789abcdef' }],
])('%s', (_, flags, env, expected) => {
  expect(read(flags, env)).toMatchObject(expected)
})

test.each<[UpFlags, NodeJS.ProcessEnv, string]>([
  [{ host: '0.0.0.0' }, {}, 'On 0.0.0.0 API keys would travel unencrypted.'],
  [{ host: '192.168.1.4' }, {}, 'On 192.168.1.4'],
  [{ tlsCert: 'c' }, {}, '--tls-cert and --tls-key go together.'],
  [{ port: '0' }, {}, '--port 0 is not a port.'],
  [{ port: '70000' }, {}, '--port 70000 is not a port.'],
  [{ port: '7e3' }, {}, '--port 7e3 is not a port.'],
  [{}, { STRATA_CONSOLE_PORT: 'web' }, 'STRATA_CONSOLE_PORT web is not a port.'],
  [{ gateways: '0' }, {}, '--gateways 0 is not a number of gateways.'],
  [{ gateways: 'many' }, {}, '--gateways many is not a number of gateways.'],
  [{ corsOrigin: ['https://a.example/path'] }, {}, 'is not an origin'],
  [{}, { STRATA_API_KEY: 'short' }, 'STRATA_API_KEY is not usable as a key.'],
  [{}, { STRATA_API_KEY: "0123456789abcdef'; rm -rf" }, 'STRATA_API_KEY is not usable as a key.'],
])('%j %j is refused in words', (flags, env, words) => {
  expect(() => read(flags, env)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringContaining(words), advice: expect.any(String) }),
  )
})

test('a key is never repeated in the refusal', () => {
  expect(() => read({}, { STRATA_API_KEY: 'my secret key' })).toThrow(
    expect.objectContaining({ line: expect.not.stringContaining('my secret') }),
  )
})

test('several gateways want Linux', () => {
  expect(readUpOptions({ gateways: '4' }, {}, 'linux').gateways).toBe(4)
  expect(() => readUpOptions({ gateways: '4' }, {}, 'darwin')).toThrow('SO_REUSEPORT')
})

test('loopback is what only this machine reaches', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) expect(isLoopback(host), host).toBe(true)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', 'localhost.example.com'])
    expect(isLoopback(host), host).toBe(false)
})
