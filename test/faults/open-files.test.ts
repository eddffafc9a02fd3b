/** 256 open files for each process, and 400 clients that hold connections: said in words, nothing ends, and all is well when they have left. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { judgeStream } from '../chaos/answers.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { answersAll, chat, linesOf, manifest, warnings } from './observe.ts'

const CLIENTS = 400
/** Idle for so long, a connection may be closed for another one. */
const IDLE_MS = 1_200
let system: System | undefined
let held: Socket[] = []
afterEach(async () => {
  for (const socket of held) socket.destroy()
  held = []
  await system?.stop()
  system = undefined
})

interface Client {
  readonly socket: Socket
  said: string
  closed: boolean
}

/** Connects; with `text` it says that at once. */
async function hold(url: string, text = ''): Promise<Client> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  held.push(socket)
  const client: Client = { socket, said: '', closed: false }
  socket.on('error', () => undefined) // refused and reset: `close` follows
  socket.on('data', (part) => (client.said += part.toString()))
  socket.on('close', () => (client.closed = true))
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  if (text !== '') socket.write(text)
  return client
}

/** What one question gets: "200", or status and words of the refusal. */
async function chatted(system: System): Promise<string> {
  const { status, body } = await chat(system)
  return status === 200 ? '200' : `${status} ${body}`
}

const slowStream = (key: string) => {
  const body = JSON.stringify({ model: 'assistant', stream: true, max_tokens: 240, messages: [{ role: 'user', content: 'Hello' }] })
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

describe.runIf(process.platform === 'linux')('256 open files', () => {
  test('and clients that hold idle connections, at the gateway and at control: those are closed for others that work', async () => {
    system = await startSystem({ bootstrap: simulatedAssistant(), through: ['prlimit', '--nofile=256'] })
    await answersAll(system, 5)
    const idle: Client[] = []
    for (let i = 0; i < CLIENTS; i++) idle.push(await hold(i % 2 === 0 ? system.gatewayUrl : system.consoleUrl))
    await sleep(IDLE_MS)
    for (let i = 0; i < CLIENTS; i++) idle.push(await hold(i % 2 === 0 ? system.gatewayUrl : system.consoleUrl))
    await sleep(IDLE_MS)
    await answersAll(system, 6)
    await system.control('POST', '/apply', { documents: [manifest('Consumer', 'meanwhile', {})] })
    expect(idle.filter(({ closed }) => closed).length).toBeGreaterThan(CLIENTS)
    for (const { said } of idle) expect(said === '' || /^HTTP\/1\.1 503 /.test(said), said).toBe(true)
    expect((await system.processes()).every(({ restarts }) => restarts === 0)).toBe(true)
  })

  test('and clients that hold running streams: whoever finds no place is told, the others get theirs whole, and then there is room again', async () => {
    system = await startSystem({
      bootstrap: simulatedAssistant({
        parameters: '{ timeToFirstToken: 5ms, tokensPerSecond: 40, answerTokens: 240, sequences: 1000, maxWaiting: 1000 }',
      }),
      through: ['prlimit', '--nofile=256'],
    })
    const { body: whole } = await chat(system, { max_tokens: 240 })
    const text = (JSON.parse(whole) as { choices: { message: { content: string } }[] }).choices[0]!.message.content

    const streams: Client[] = []
    for (let i = 0; i < CLIENTS; i++) streams.push(await hold(system.gatewayUrl, slowStream(system.apiKey)))
    await expect.poll(() => streams.filter(({ said, closed }) => said !== '' || closed).length, { timeout: 10_000 }).toBe(CLIENTS)
    const taken = streams.filter(({ said }) => said.startsWith('HTTP/1.1 200'))
    const refused = streams.filter((each) => !taken.includes(each))
    expect(taken.length).toBeGreaterThan(50)
    expect(refused.length).toBeGreaterThan(100)
    // A reset may overtake the words; most of them arrive.
    const told = refused.filter(({ said }) => /^HTTP\/1\.1 503 [\s\S]*"code":"too_many_connections"/.test(said))
    expect(told.length).toBeGreaterThan(refused.length / 2)
    for (const { said } of refused) expect(said === '' || /^HTTP\/1\.1 503 [\s\S]*limit of open files \(256\)/.test(said), said).toBe(true)

    // Control has its own files: it is there, and says what is going on.
    expect(await warnings(system)).toMatch(/gateway-0: All \d+ connections that the limit of open files \(256\) leaves room for are in use/)
    const status = await strata(['status'], { home: system.home })
    expect(status.stdout).toMatch(/! gateway-0: All \d+ connections that the limit of open files/)
    expect(linesOf(system, 'gateway-0', /limit of open files/)).toHaveLength(1)
    for (const process of ['gateway-0', 'control']) expect(linesOf(system, process, /EMFILE|ENFILE/)).toEqual([])

    await expect.poll(() => taken.filter(({ said }) => said.includes('data: [DONE]')).length, { timeout: 60_000 }).toBe(taken.length)
    for (const { said } of taken) {
      const events = said
        .slice(said.indexOf('\r\n\r\n') + 4)
        .split('\r\n')
        .filter((line) => !/^[0-9a-f]*$/.test(line))
        .join('')
      const answer = { status: 200, body: events, whole: true, began: 0, ended: 0 }
      expect(judgeStream(answer, text)).toEqual({ outcome: 'ok' })
    }
    for (const { socket } of streams) socket.destroy()
    await expect.poll(() => chatted(system!), { timeout: 10_000 }).toBe('200')
    await answersAll(system, 6)
    expect((await system.processes()).every(({ restarts }) => restarts === 0)).toBe(true)
    await expect.poll(() => warnings(system!), { timeout: 20_000 }).toBe('')
  })

  test('and several gateways that together bring more connections than an engine may have open', async () => {
    system = await startSystem({
      bootstrap: simulatedAssistant({
        parameters: '{ timeToFirstToken: 5ms, tokensPerSecond: 40, answerTokens: 200, sequences: 1000, maxWaiting: 1000 }',
      }),
      gateways: 4,
      through: ['prlimit', '--nofile=256'],
    })
    const streams: Client[] = []
    for (let i = 0; i < CLIENTS; i++) streams.push(await hold(system.gatewayUrl, slowStream(system.apiKey)))
    await expect.poll(() => streams.filter(({ said, closed }) => said !== '' || closed).length, { timeout: 10_000 }).toBe(CLIENTS)
    for (const { said } of streams) expect(said === '' || /^HTTP\/1\.1 (200|503) /.test(said), said).toBe(true)
    const engine = (await system.processes()).find(({ role }) => role === 'engine')!
    expect(linesOf(system, engine.name, /limit of open files \(256\)/)).toHaveLength(1)
    for (const { socket } of streams) socket.destroy()
    await expect.poll(() => chatted(system!), { timeout: 10_000 }).toBe('200')
    await answersAll(system, 10)
    expect((await system.processes()).every(({ restarts }) => restarts === 0)).toBe(true)
  })
})
