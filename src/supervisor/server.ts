/** HTTP over the Unix socket `run/supervisor.sock`: kernel/supervision.ts is the protocol. */
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { messageOf, StrataError } from '../kernel/errors.ts'
import type { EngineStatus, ProcessStatus, WantedEngine } from '../kernel/supervision.ts'
import { parseWantedEngines } from './engines.ts'

const MAX_BODY_BYTES = 16_000_000

export interface SupervisorApi {
  processes(): ProcessStatus[]
  engines(): EngineStatus[]
  setEngines(wanted: readonly WantedEngine[]): void
  /** False where there is none of this id. */
  restartEngine(id: string): boolean
}

/** Listens; the caller holds the home's lock, so a socket file that lies there is a dead one's. */
export async function serveSupervisor(socketPath: string, api: SupervisorApi): Promise<{ close(): Promise<void> }> {
  rmSync(socketPath, { force: true })
  const server = createServer((request, response) => {
    answer(request, api).then(
      (body) => send(response, 200, body),
      (error: unknown) => {
        const known = error instanceof StrataError
        const status = known ? (error.code === 'not_found' ? 404 : 400) : 500
        send(response, status, { error: { code: known ? error.code : 'internal', message: messageOf(error) } })
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, api: SupervisorApi): Promise<unknown> {
  const path = request.url?.split('?')[0]
  if (request.method === 'GET' && path === '/processes') return api.processes()
  if (request.method === 'GET' && path === '/engines') return api.engines()
  if (request.method === 'PUT' && path === '/engines') {
    api.setEngines(parseWantedEngines(await readJson(request)))
    return api.processes()
  }
  const toRestart = request.method === 'POST' ? /^\/engines\/([^/]+)\/restart$/.exec(path ?? '')?.[1] : undefined
  if (toRestart !== undefined) {
    if (!api.restartEngine(toRestart)) throw new StrataError('not_found', `There is no engine "${toRestart}".`)
    return api.processes()
  }
  throw new StrataError('not_found', `There is no ${request.method} ${path}.`)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw new StrataError('invalid_request', `The body is longer than ${MAX_BODY_BYTES} bytes.`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    throw new StrataError('invalid_request', 'The body is not JSON.')
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
