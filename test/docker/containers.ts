/**
 * Containers of Strata's image, as a careful operator runs them: no way to write but to `/tmp` and to the volumes, no capabilities, no new
 * privileges. What needs more than that fails its test.
 */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DockerDaemon } from '../peers/dockerd.ts'

export interface ContainerOptions {
  readonly args?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Ports that it listens on, to be reached from this machine. */
  readonly ports?: readonly number[]
  /** Volume or folder → place. */
  readonly mounts?: Readonly<Record<string, string>>
}

export interface Container {
  readonly id: string
  /** On the network of all containers. */
  readonly address: string
  /** Where this machine reaches one of its ports. */
  url(port: number): string
  /** All that it has printed, both streams. */
  logs(): Promise<string>
  signal(name: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Resolves with its exit code when it has ended. */
  ended(): Promise<number>
  /** What a program in it prints. */
  exec(command: readonly string[]): Promise<string>
}

interface Inspected {
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, { readonly HostPort: string }[]>>
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>
  }
}

export async function startContainer(daemon: DockerDaemon, image: string, options: ContainerOptions): Promise<Container> {
  const ports = (options.ports ?? []).map((port) => `${port}/tcp`)
  const made = (await daemon.ask('POST', '/containers/create', {
    Image: image,
    Cmd: options.args,
    Entrypoint: options.entrypoint,
    Env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
    HostConfig: {
      NetworkMode: daemon.network,
      PortBindings: Object.fromEntries(ports.map((port) => [port, [{ HostIp: '127.0.0.1' }]])),
      Binds: Object.entries(options.mounts ?? {}).map(([from, to]) => `${from}:${to}`),
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': '' },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
    },
  })) as { Id: string }
  const id = made.Id
  await daemon.ask('POST', `/containers/${id}/start`)
  const { NetworkSettings } = (await daemon.ask('GET', `/containers/${id}/json`)) as Inspected
  return {
    id,
    address: NetworkSettings.Networks[daemon.network]!.IPAddress,
    url: (port) => `http://127.0.0.1:${NetworkSettings.Ports[`${port}/tcp`]![0]!.HostPort}`,
    logs: () => framesFrom(daemon, 'GET', `/containers/${id}/logs?stdout=1&stderr=1`),
    signal: async (name) => void (await daemon.ask('POST', `/containers/${id}/kill?signal=${name}`)),
    ended: async () => ((await daemon.ask('POST', `/containers/${id}/wait`)) as { StatusCode: number }).StatusCode,
    async exec(command) {
      const { Id } = (await daemon.ask('POST', `/containers/${id}/exec`, { Cmd: command, AttachStdout: true, AttachStderr: true })) as {
        Id: string
      }
      return framesFrom(daemon, 'POST', `/exec/${Id}/start`, { Detach: false, Tty: false })
    },
  }
}

/** Asks until the answer is accepted; refused connections count as "not yet". What the container has said is in the error. */
export async function answer(
  container: Container,
  url: string,
  init: RequestInit = {},
  status = 200,
  timeoutMs = 30_000,
): Promise<Response> {
  const deadline = performance.now() + timeoutMs
  for (let last = 'nobody'; ; await sleep(50)) {
    try {
      const response = await fetch(url, init)
      if (response.status === status) return response
      last = `${response.status} ${await response.text()}`
    } catch (error) {
      last = String((error as Error).cause ?? error)
    }
    if (performance.now() > deadline) throw new Error(`${url} answers: ${last}\n${await container.logs()}`)
  }
}

/** Text in Docker's frames: a byte for the stream, three of nothing, four of length, the text. */
function framesFrom({ socketPath }: DockerDaemon, method: string, path: string, body?: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const asked = request({ socketPath, method, path, headers, agent: false, signal: AbortSignal.timeout(60_000) }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('error', reject)
      response.once('end', () => {
        const all = Buffer.concat(parts)
        if (response.statusCode !== 200) return reject(new Error(`${method} ${path}: ${response.statusCode} ${all}`))
        const texts: string[] = []
        for (let at = 0; at + 8 <= all.length; at += 8 + all.readUInt32BE(at + 4))
          texts.push(all.toString('utf8', at + 8, at + 8 + all.readUInt32BE(at + 4)))
        resolve(texts.join(''))
      })
    })
    asked.once('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
