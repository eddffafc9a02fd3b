import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { readInPlace } from './read-in-place.ts'

/** Two connections, as accepted and as opened. */
async function accepted(count: number): Promise<{ readonly server: Socket; readonly client: Socket }[]> {
  const listener = createServer({ noDelay: true })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const pairs: { server: Socket; client: Socket }[] = []
  for (let i = 0; i < count; i++) {
    const comes = once(listener, 'connection') as Promise<[Socket]>
    const client = connect((listener.address() as AddressInfo).port, '127.0.0.1')
    pairs.push({ client, server: (await comes)[0] })
  }
  listener.close()
  return pairs
}

test('all connections are read into the same memory, each byte once and in order, whether they wait in between or not', async () => {
  const pairs = await accepted(3)
  const seen = await Promise.all(
    pairs.map(async ({ server, client }, which) => {
      let text = ''
      let memory: ArrayBufferLike | undefined
      readInPlace(server, (bytes) => {
        memory ??= bytes.buffer
        expect(bytes.buffer).toBe(memory)
        text += bytes.toString('latin1')
        if (which !== 1) return
        server.pause()
        setTimeout(() => server.resume(), 5)
      })
      // With a listener for it, it would have come the ordinary way.
      expect(server.listenerCount('data')).toBe(0)
      const ended = once(server, 'end')
      const said = Array.from({ length: 40_000 }, (_, i) => `${which}:${i} `).join('')
      client.end(said)
      await ended
      server.destroy()
      expect(text).toBe(said)
      return memory
    }),
  )
  expect(new Set(seen).size).toBe(1)
})

test('a connection that breaks says so by its events', async () => {
  const [{ server, client }] = (await accepted(1)) as [{ server: Socket; client: Socket }]
  let text = ''
  readInPlace(server, (bytes) => (text += bytes.toString('latin1')))
  server.on('error', () => undefined)
  client.write('half of it')
  while (text === '') await new Promise((resolve) => setTimeout(resolve, 1))
  const closed = new Promise((resolve) => server.on('close', resolve))
  client.resetAndDestroy()
  await closed
  expect(text).toBe('half of it')
})
