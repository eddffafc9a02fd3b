// What the tests of runtimes run as an instance: a small HTTP server on PORT that ends as it is asked to.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const name = process.env.NAME ?? 'unnamed'
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
        await sleep(1)
      }
    }
    default:
      response.statusCode = 404
      return response.end()
  }
})
server.listen(Number(process.env.PORT), () => {
  console.log(`${name} listens`)
  console.error(`${name} says it on stderr too`)
})
process.on('SIGTERM', () => {
  console.log(`${name} was told to end`)
  if (process.env.STUBBORN) return
  server.close(() => process.exit(0))
})
