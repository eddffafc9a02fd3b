/** What every adapter keeps to, each run against the real server it is for. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { backend } from '../../resources/backend.ts'
import type { Spec } from '../../resources/index.ts'
import { connectBackend } from './index.ts'

export interface BackendUnderTest {
  /** Address and protocol of the real server. */
  readonly spec: Record<string, unknown> & { readonly address: string; readonly protocol: string }
  /** A model that it has and serves. */
  readonly model: string
  /** How it names itself. */
  readonly server: RegExp
}

export const backendSpec = (spec: Record<string, unknown>): Spec<'Backend'> => backend.spec.parse(spec) as Spec<'Backend'>

/** `real` gives the server, which is up by the time that the tests run. */
export function backendContract(name: string, real: () => BackendUnderTest): void {
  let other: Server | undefined
  const sockets = new Set<Socket>()
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    other?.close()
    other = undefined
  })
  const serve = async (listener: Parameters<typeof createServer>[1]): Promise<string> => {
    const server = createServer(listener!)
    other = server
    server.on('connection', (socket) => sockets.add(socket))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  }
  const probe = (over: Record<string, unknown> = {}, signal = new AbortController().signal) =>
    connectBackend(backendSpec({ ...real().spec, ...over })).probe(signal, [{ model: real().model }])

  describe(`a backend by ${name}`, () => {
    test('the real server is reachable and ready, says what it is and what it has', async () => {
      const found = await probe()
      expect(found).toMatchObject({ reachable: true, ready: true })
      expect(found.message).toBeUndefined()
      expect(found.server).toMatch(real().server)
      expect(found.models).toContainEqual(expect.objectContaining({ name: real().model, state: 'ready' }))
    })

    test('nobody there: said in words', async () => {
      const address = await serve(() => undefined)
      other!.close()
      expect(await probe({ address })).toEqual({
        reachable: false,
        ready: false,
        onlyListed: false,
        message: 'nobody listens there (connection refused)',
      })
    })

    test('credentials that are refused, and credentials that are not there', async () => {
      const address = await serve((_, response) => response.writeHead(401).end('{}'))
      const { reachable, message } = await probe({ address })
      expect({ reachable, message }).toEqual({ reachable: false, message: 'it refuses our credentials (HTTP 401)' })
      const absent = await probe({ address, credentials: { bearer: { env: 'KEY_THAT_IS_NOT_SET' } } })
      expect(absent.message).toBe('the environment variable KEY_THAT_IS_NOT_SET is not set')
    })

    test('a server that answers every question with garbage, an error or nothing is no crash', async () => {
      let reply: (response: import('node:http').ServerResponse) => void = () => undefined
      const address = await serve((_, response) => reply(response))
      for (const each of [
        (response: import('node:http').ServerResponse) => response.end('<html>'),
        (response: import('node:http').ServerResponse) => response.end('null'),
        (response: import('node:http').ServerResponse) => response.end('[[1'),
        (response: import('node:http').ServerResponse) =>
          response.end('{"data":[null,1,{"id":7}],"models":[null],"model_version_status":7}'),
        (response: import('node:http').ServerResponse) => response.writeHead(500).end('no'),
        (response: import('node:http').ServerResponse) => response.destroy(),
      ]) {
        reply = each
        const found = await probe({ address })
        expect(typeof found.reachable).toBe('boolean')
        if (!found.ready) expect(found.message).toMatch(/\w/)
      }
    })

    test('one that hangs is given up when the asker is', async () => {
      const address = await serve(() => undefined)
      const stop = new AbortController()
      const asked = probe({ address }, stop.signal)
      setTimeout(() => stop.abort(new Error('enough')), 50)
      expect((await asked).reachable).toBe(false)
    })
  })
}
