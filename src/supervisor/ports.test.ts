import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { checkPorts, listeningInodes, portOwner } from './ports.ts'

const open: Server[] = []
afterEach(() => Promise.all(open.splice(0).map((server) => new Promise((done) => server.close(done)))))

async function listen(host: string, reusePort = false): Promise<number> {
  const server = createServer()
  open.push(server)
  await new Promise<void>((done) => server.listen({ host, port: 0, reusePort }, done))
  return (server.address() as { port: number }).port
}
const wanted = (port: number, host = '127.0.0.1') => ({ host, port, flag: 'port', variable: 'STRATA_GATEWAY_PORT' })

test('listening sockets of a port, and no others', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1CE8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0',
    '   1: 0100007F:1CE8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 100 0 0 10 0',
    '   2: 00000000:1CE9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0000000000000000 100 0 0 10 0',
  ].join('\n')
  expect(listeningInodes(table, 7400)).toEqual(['111'])
  expect(listeningInodes(table, 7401)).toEqual(['333'])
  expect(listeningInodes('', 7400)).toEqual([])
})

test('a taken port is refused with the flag that changes it, also when it is shared or taken on every address', async () => {
  for (const [host, reusePort] of [
    ['127.0.0.1', false],
    ['127.0.0.1', process.platform === 'linux'],
    ['0.0.0.0', false],
  ] as const) {
    const port = await listen(host, reusePort)
    await expect(checkPorts([wanted(port)])).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining(`Port ${port} is taken`),
      advice: expect.stringMatching(/^Start with --port \d+, or set STRATA_GATEWAY_PORT\.$/),
    })
  }
})

test('the owner is named', async () => {
  expect(await portOwner(await listen('127.0.0.1'))).toEqual({ pid: process.pid, name: 'node' })
})

test('free ports pass and stay free; the same one twice and an address of elsewhere do not pass', async () => {
  const port = await listen('127.0.0.1')
  await new Promise((done) => open.pop()!.close(done))
  await checkPorts([wanted(port)])
  await checkPorts([wanted(port)])
  await expect(checkPorts([wanted(port), wanted(port)])).rejects.toMatchObject({
    message: `Gateway and console cannot both have port ${port}.`,
  })
  await expect(checkPorts([wanted(port, '192.0.2.1')])).rejects.toMatchObject({ code: 'address_unavailable' })
})
