import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { Outlet } from './outlet.ts'

const open: (Socket | Server)[] = []
afterEach(() => {
  for (const one of open.splice(0)) 'destroy' in one ? one.destroy() : one.close()
})

/** Both ends of a connection; `text`: what has come at the far one. */
async function pair() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(near, 'connect')
  const [far] = await accepted
  let text = ''
  far.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  open.push(near, far, server)
  return { near, far, text: () => text, ended: once(far, 'end') }
}

describe('an outlet', () => {
  test('sends at the end of the turn, in order', async () => {
    const { near, text, ended } = await pair()
    const outlet = new Outlet(near)
    expect([outlet.write('one '), outlet.write('two '), outlet.write('thr\xe9\xe9')]).toEqual([true, true, true])
    expect(near.bytesWritten).toBe(0)
    await turn()
    expect(near.bytesWritten).toBe(13)
    outlet.write('.')
    await turn()
    near.end()
    await ended
    expect(text()).toBe('one two thr\xe9\xe9.')
  })

  test('is emptied before its socket is ended', async () => {
    const { near, text, ended } = await pair()
    const outlet = new Outlet(near)
    outlet.write('all of it')
    outlet.flush()
    near.end()
    await ended
    expect(text()).toBe('all of it')
  })

  test('does not hold more than it must, of one connection or of many', async () => {
    const { near } = await pair()
    const outlet = new Outlet(near)
    outlet.write('x'.repeat(10_000))
    expect(near.bytesWritten).toBe(0)
    outlet.write('x'.repeat(10_000))
    expect(near.bytesWritten).toBe(20_000)

    const pairs = await Promise.all(Array.from({ length: 40 }, pair))
    for (const one of pairs) new Outlet(one.near).write('x')
    expect(pairs.filter((one) => one.near.bytesWritten === 1)).toHaveLength(32)
    await turn()
    expect(pairs.filter((one) => one.near.bytesWritten === 1)).toHaveLength(40)
  })

  test('tells when the other side does not keep up, and its socket when it does again', async () => {
    const { near, far, text } = await pair()
    far.pause()
    const outlet = new Outlet(near)
    let sent = 0
    const piece = 'y'.repeat(4_000)
    do {
      sent += piece.length
      if (sent > 50_000_000) throw new Error('nobody was told')
      if (sent % 400_000 === 0) await turn()
    } while (outlet.write(piece))
    const drained = once(near, 'drain')
    far.resume()
    await drained
    near.end()
    await once(far, 'end')
    expect(text()).toHaveLength(sent)
  })

  test('does not wait for the end of turns that bring one connection each, until one brings more', async () => {
    const [one, other] = [await pair(), await pair()]
    const [first, second] = [new Outlet(one.near), new Outlet(other.near)]
    /** Whether what both say is out before the turn ends. */
    const early = async () => {
      const before = one.near.bytesWritten + other.near.bytesWritten
      first.write('a')
      second.write('b')
      expect(one.near.bytesWritten + other.near.bytesWritten).toBe(before)
      for (let i = 0; i < 5; i++) await undefined
      const sent = one.near.bytesWritten + other.near.bytesWritten - before
      await turn()
      expect(one.near.bytesWritten + other.near.bytesWritten).toBe(before + 2)
      return sent === 2
    }
    expect(await early()).toBe(false)
    for (let i = 0; i < 16; i++) {
      first.write('.')
      await turn()
    }
    let times = 0
    while (await early()) times++
    expect(times).toBe(63)
    expect(await early()).toBe(false)
  })

  test('of a socket that is gone says nothing, and harms nobody', async () => {
    const [gone, there] = [await pair(), await pair()]
    new Outlet(gone.near).write('a')
    new Outlet(there.near).write('b')
    gone.near.destroy()
    await turn()
    there.near.end()
    await there.ended
    expect([there.text(), gone.text()]).toEqual(['b', ''])
  })
})
