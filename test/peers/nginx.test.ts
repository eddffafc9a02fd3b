/** nginx in front of the gateway with its default settings: streams must come through as they are written, not when nginx's buffer is full. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { API_KEY, entriesOf, hello, instance, route, type TestGateway, talk, testGateway, upstream, version } from '../gateway/harness.ts'
import { freePorts } from '../harness/ports.ts'

const binary = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx', '/usr/local/bin/nginx'].find((path) => existsSync(path))

let gateway: TestGateway
let server: Awaited<ReturnType<typeof upstream>>
let nginx: ChildProcess
let folder: string
let port: number

beforeAll(async () => {
  if (!binary) throw new Error('nginx is not here. Install it (Debian: `apt-get install nginx-light`).')
  server = await upstream(talk(['one', 'two', 'three', 'four'], 150))
  gateway = await testGateway(entriesOf(route(), version(), instance(server.port)))
  folder = mkdtempSync(join(tmpdir(), 'strata-nginx-'))
  port = (await freePorts(1))[0]!
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/nginx.pid; error_log stderr;
     events {}
     http {
       access_log off;
       client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
       fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       server { listen 127.0.0.1:${port}; location / { proxy_pass ${gateway.url}; } }
     }`,
  )
  nginx = spawn(binary, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'inherit'] })
  await vi.waitUntil(
    () =>
      fetch(`http://127.0.0.1:${port}/health/live`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    { timeout: 10_000 },
  )
})
afterAll(async () => {
  nginx?.kill('SIGTERM')
  await gateway?.close()
  await server?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const ask = (body: unknown) =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}` },
    body: JSON.stringify(body),
  })

it('passes each chunk on when it comes', async () => {
  const res = await ask(hello({ stream: true }))
  const arrivals: number[] = []
  let text = ''
  for await (const chunk of res.body!.pipeThrough(new TextDecoderStream())) {
    arrivals.push(performance.now())
    text += chunk
  }
  expect(text).toContain('[DONE]')
  // Four words, 150 ms apart: a buffering proxy delivers them in one piece.
  expect(arrivals.length).toBeGreaterThanOrEqual(4)
  expect(arrivals.at(-1)! - arrivals[0]!).toBeGreaterThan(300)
})

it('keeps its connections to the gateway alive over refusals', async () => {
  for (let i = 0; i < 5; i++) expect((await ask(hello({ model: 'nope' }))).status).toBe(404)
  expect((await ask(hello())).status).toBe(200)
})
