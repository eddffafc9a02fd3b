/** An image registry of one small image, as slow as a test needs it: the four questions that a pull asks (distribution.github.io/distribution/spec/api). */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

export interface Registry {
  /** What is to be pulled. It holds random bytes and nothing to run. */
  readonly image: string
  /** How often somebody began to pull it. */
  pulls(): number
  /** How often it is being sent now. */
  sending(): number
  /** From now on nobody gets anything, or everybody again. */
  breakDown(broken: boolean): void
  /** From now on. */
  setSpeed(bytesPerSecond: number): void
  stop(): Promise<void>
}

export interface RegistryOptions {
  readonly layerBytes: number
  readonly bytesPerSecond: number
}

const digest = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export async function startRegistry({ layerBytes, bytesPerSecond }: RegistryOptions): Promise<Registry> {
  const tar = tarOfRandomBytes(layerBytes)
  const layer = gzipSync(tar, { level: 1 })
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const config = Buffer.from(JSON.stringify({ architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [digest(tar)] } }))
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json'
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.length, digest: digest(config) },
      layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: layer.length, digest: digest(layer) }],
    }),
  )
  let pulls = 0
  let sending = 0
  let broken = false
  let speed = bytesPerSecond

  const sendSlowly = async (response: ServerResponse) => {
    sending += 1
    response.writeHead(200, { 'content-length': layer.length })
    for (let at = 0; at < layer.length && !response.destroyed; ) {
      const piece = Math.ceil(speed / 20)
      response.write(layer.subarray(at, at + piece))
      at += piece
      await sleep(50)
    }
    sending -= 1
    response.end()
  }
  const server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!
    if (path === '/v2/') return response.end('{}')
    if (path.includes('/manifests/')) {
      if (request.method === 'HEAD') pulls += 1
      if (broken) return response.writeHead(500).end('{"errors":[{"code":"UNKNOWN","message":"the store is broken"}]}')
      const headers = { 'content-type': mediaType, 'docker-content-digest': digest(manifest), 'content-length': manifest.length }
      return response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : manifest)
    }
    if (path.endsWith(digest(config))) return response.end(config)
    if (path.endsWith(digest(layer))) return void sendSlowly(response)
    response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    image: `127.0.0.1:${port}/random:1`,
    pulls: () => pulls,
    sending: () => sending,
    breakDown: (is) => {
      broken = is
    },
    setSpeed: (given) => {
      speed = given
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function tarOfRandomBytes(length: number): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'strata-layer-'))
  try {
    writeFileSync(join(folder, 'bytes'), randomBytes(length))
    const { stdout, stderr, status } = spawnSync('tar', ['-c', '-C', folder, 'bytes'], { maxBuffer: 2 * length + 65_536 })
    if (status !== 0) throw new Error(`tar: ${stderr}`)
    return stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}
