// What the tests of runtimes run as an instance: a small HTTP server that ends as it is asked to. In a container its environment says where it listens
// and what it is called; under the supervisor the config file does.
import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const config = process.argv[2] === '--config' ? JSON.parse(readFileSync(process.argv[3], 'utf8')) : undefined
const { name = 'unnamed', stubborn = false } = config ?? { name: process.env.NAME, stubborn: Boolean(process.env.STUBBORN) }
const started = Date.now()
const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://instance')
  response.setHeader('connection', 'close')
  switch (url.pathname) {
    case '/health':
      return response.end(JSON.stringify({ name, started, args: process.argv.slice(2) }))
    case '/print':
      console.log(url.searchParams.get('line').repeat(Number(url.searchParams.get('times') ?? 1)))
      return response.end()
    case '/exit':
      response.end()
      return setTimeout(() => process.exit(Number(url.searchParams.get('code') ?? 0)), 20)
    case '/slow': {
      response.write('begun\n')
      await sleep(Number(url.searchParams.get('ms')))
      return response.end('done\n')
    }
    case '/oom': {
      response.end()
      const kept = []
      for (;;) {
        kept.push(Buffer.alloc(8 * 1024 * 1024, 1))
        await sleep(20)
      }
    }
    default:
      response.statusCode = 404
      return response.end()
  }
})
if (config) rmSync(config.listen.socketPath, { force: true }) // of one that was killed
server.listen(config ? config.listen.socketPath : Number(process.env.PORT), () => {
  console.log(`${name} listens`)
  console.error(`${name} says it on stderr too`)
  process.send?.({ type: 'ready' })
})
const end = () => {
  console.log(`${name} was told to end`)
  if (stubborn) return
  server.close(() => process.exit(0))
}
process.on('SIGTERM', end)
process.on('message', ({ type }) => type === 'drain' && end())
process.on('disconnect', () => process.exit(0))
