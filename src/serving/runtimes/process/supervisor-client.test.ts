import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectSupervisor, type SupervisorClient } from './supervisor-client.ts'

let folder: string
let socketPath: string
let client: SupervisorClient
let server: Server | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-supervisor-'))
  socketPath = join(folder, 's.sock')
  client = connectSupervisor(socketPath)
})
afterEach(async () => {
  await client.close()
  server?.closeAllConnections()
  await new Promise((done) => (server ? server.close(done) : done(undefined)))
  server = undefined
  rmSync(folder, { recursive: true })
})
const listen = (answer: RequestListener) =>
  new Promise<void>((done) => {
    server = createServer(answer).listen(socketPath, done)
  })

test('nobody there: no processes, and everything else in words', async () => {
  expect(await client.processes()).toBeUndefined()
  await expect(client.engines()).rejects.toMatchObject({
    code: 'supervisor_away',
    message: `The supervisor does not answer at ${socketPath}: no such socket.`,
  })
})

test('what it refuses is told in its words; one that it does not know is none to restart', async () => {
  await listen((request, response) => {
    const [status, code] = request.url === '/engines/nobody/restart' ? [404, 'not_found'] : [400, 'invalid_request']
    response.writeHead(status).end(JSON.stringify({ error: { code, message: 'PUT /engines: [0].id is not an instance id.' } }))
  })
  await expect(client.setEngines([])).rejects.toMatchObject({
    code: 'supervisor_refused',
    message: 'The supervisor answered 400 to PUT /engines: PUT /engines: [0].id is not an instance id.',
  })
  await client.restart('nobody')
})

test('one that hangs is away, and not nobody', async () => {
  await listen(() => undefined)
  await expect(client.processes()).rejects.toMatchObject({
    code: 'supervisor_away',
    message: expect.stringContaining('it has not answered within 5 s'),
    advice: 'Restart Strata if it hangs.',
  })
})

test('closed while it is asked: that is the reason, and nothing else', async () => {
  const asked = Promise.withResolvers<void>()
  await listen(() => asked.resolve())
  const answer = client.engines()
  const refused = expect(answer).rejects.toThrow('enough')
  await asked.promise
  await client.close(new Error('enough'))
  await refused
  await expect(client.engines()).rejects.toThrow('enough')
})
