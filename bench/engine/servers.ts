/** Both servers, as processes: the engine as the supervisor starts it, and llama-server, on the same weights with the same room. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { llamaParameters } from '../../src/resources/model-version.ts'
import { engineConfig } from '../../src/serving/engines/config.ts'
import type { TestWeights } from '../../test/fixtures/weights.ts'
import { freePorts } from '../../test/harness/ports.ts'
import { mainFile, nodeFlags } from '../../test/harness/system.ts'

export interface Room {
  readonly threads: number
  /** Answers at the same time. */
  readonly slots: number
  /** Tokens a slot holds. */
  readonly contextSize: number
}

export interface Server {
  readonly name: string
  readonly port: number
  readonly pid: number
  close(): Promise<void>
}

export async function startStrata(weights: TestWeights, room: Room, flags: readonly string[] = []): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-bench-'))
  const [port] = (await freePorts(1)) as [number]
  const config = join(folder, 'engine.json')
  const { threads, slots: sequences, contextSize } = room
  writeFileSync(
    config,
    JSON.stringify(
      engineConfig.parse({
        id: 'bench-v1-0',
        listen: { host: '127.0.0.1', port },
        version: { name: 'bench-v1', model: 'bench', version: 'v1' },
        task: 'chat',
        engine: {
          kind: 'llama',
          weightsPath: weights.path,
          weightsSha256: weights.sha256,
          parameters: llamaParameters.parse({ threads, sequences, contextSize }),
        },
        prompt: {},
        sampling: {},
      }),
    ),
  )
  const child = spawn(process.execPath, [...nodeFlags, ...flags, mainFile, 'engine', '--config', config], {
    env: { ...process.env, STRATA_HOME: folder },
    // The fourth is the supervisor's line to it: the engine ends when that does.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return server('Strata', child, port, () => rmSync(folder, { recursive: true, force: true }))
}

export async function startLlamaServer(folder: string, weights: TestWeights, room: Room): Promise<Server> {
  const [port] = (await freePorts(1)) as [number]
  const { threads, slots, contextSize } = room
  const flags = ['--no-webui', '--no-kv-unified', '--cache-ram', '0', '--no-cache-prompt', '--log-disable', '--device', 'none']
  const child = spawn(
    join(folder, 'llama-server'),
    `-m ${weights.path} --host 127.0.0.1 --port ${port} -t ${threads} -np ${slots} -c ${slots * contextSize}`.split(' ').concat(flags),
    { env: { ...process.env, LD_LIBRARY_PATH: folder }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  return server('llama-server', child, port, () => undefined)
}

async function server(name: string, child: ChildProcess, port: number, cleanUp: () => void): Promise<Server> {
  const ended = once(child, 'exit')
  const close = async () => {
    child.kill('SIGTERM')
    await ended
    cleanUp()
  }
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) break
    const ready = await fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready) return { name, port, pid: child.pid!, close }
    await sleep(50)
  }
  if (child.exitCode === null) await close()
  throw new Error(`${name} did not become ready.`)
}
