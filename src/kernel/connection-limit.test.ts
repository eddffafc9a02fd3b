import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { manualClock } from './clock.ts'
import { type ConnectionLimit, limitConnections } from './connection-limit.ts'
import { createLog } from './log.ts'

let server: Server
let limit: ConnectionLimit
const clock = manualClock()
const lines: string[] = []
const clients: Socket[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  server.close()
  server.closeAllConnections()
  lines.length = 0
})

/** Answers `/slow` never and everything else at once. */
async function serve(): Promise<void> {
  server = createServer((request, response) => (request.url === '/slow' ? undefined : response.end('here')))
  limit = limitConnections(server, {
    log: createLog('test', (line) => lines.push(line)),
    clock,
    filesEach: 2,
    refusal: (message) => ({ error: { message } }),
    openFiles: 66, // five connections
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
}

/** What the server says, up to the end of the connection or to "here". */
async function send(path: string): Promise<{ socket: Socket; said: Promise<string> }> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  clients.push(socket)
  socket.on('error', () => undefined)
  let text = ''
  const said = new Promise<string>((done) => {
    socket.on('data', (part) => {
      text += part
      if (text.endsWith('here')) done(text)
    })
    socket.on('close', () => done(text))
  })
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
  return { socket, said }
}

const heard = () => expect.poll(() => new Promise((done) => server.getConnections((_error, count) => done(count))))

test('at the bound the next one is told why and let go; it is logged once; who leaves makes room', async () => {
  await serve()
  const held = [await send('/slow'), await send('/slow'), await send('/slow'), await send('/slow'), await send('/slow')]
  await heard().toBe(5)
  for (let i = 0; i < 3; i++) {
    const said = await (await send('/')).said
    expect(said).toMatch(/^HTTP\/1\.1 503 /)
    expect(said).toMatch(/retry-after: 1\r\n/)
    expect(said).toMatch(/"All 5 connections that the limit of open files \(66\) leaves room for are in use\. Try again in a moment\."/)
  }
  expect(lines).toHaveLength(1)
  expect(limit.refused()).toBe(3)
  expect(limit.trouble()).toMatch(/^All 5 connections/)
  for (const { socket } of held) socket.destroy()
  await heard().toBe(0)
  expect(await (await send('/')).said).toMatch(/here$/)
  expect(lines).toHaveLength(2)
  clock.advance(10_000)
  expect(limit.trouble()).toBeUndefined()
})

test('connections that have been idle for a while make room; those that have just come, or are waiting for an answer, do not', async () => {
  await serve()
  const [waiting] = [await send('/slow'), await send('/slow')]
  const idle = [await send('/'), await send('/'), await send('/')]
  await Promise.all(idle.map(({ said }) => said))
  expect(await (await send('/')).said).toMatch(/^HTTP\/1\.1 503 /)
  clock.advance(1_500)
  expect(await (await send('/')).said).toMatch(/here$/)
  expect(waiting!.socket.destroyed).toBe(false)
  await expect.poll(() => idle.every(({ socket }) => socket.destroyed)).toBe(true)
})
