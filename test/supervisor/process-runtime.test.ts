import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { type Home, homeAt, makeHome } from '../../src/kernel/home.ts'
import { createLog } from '../../src/kernel/log.ts'
import type { WantedInstance } from '../../src/serving/runtimes/port.ts'
import { createProcessRuntime, type ProcessRuntime } from '../../src/serving/runtimes/process/index.ts'
import { answering, find, gone, runtimeContract, type Told, until } from '../../src/serving/runtimes/runtime.contract.ts'
import { type Supervisor, startSupervisor } from '../../src/supervisor/index.ts'
import { cleanEnvironment, processesOf } from '../harness/system.ts'

const PROGRAM = fileURLToPath(new URL('../peers/instance-program.mjs', import.meta.url))
/** A control that has nothing to do. */
const CONTROL = [
  '-e',
  `process.send({ type: 'ready' }); process.on('message', () => process.exit(0)); process.on('disconnect', () => process.exit(0))`,
]
const log = createLog('test', () => undefined)

let home: Home
let supervisor: Supervisor

beforeEach(async () => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'strata-processes-')))
  makeHome(home)
  await start()
})
afterEach(async () => {
  await supervisor.kill()
  expect(processesOf(home.root)).toEqual([])
  rmSync(home.root, { recursive: true })
})

async function start(): Promise<void> {
  supervisor = await startSupervisor({
    home,
    command: [process.execPath],
    control: CONTROL,
    gateways: [],
    engineArguments: (configPath) => [PROGRAM, '--config', configPath],
    env: { ...cleanEnvironment(), STRATA_HOME: home.root },
  })
}
const connect = (): ProcessRuntime =>
  createProcessRuntime({ socketPath: home.socket('supervisor'), logs: home.logs, clock: systemClock, log })
const wanted = (id: string, { config = '', drainTimeoutMs = 10_000, name = id, stubborn = false }: Told = {}): WantedInstance => ({
  id,
  config: JSON.stringify({ listen: { socketPath: home.socket(`engine-${id}`) }, name, stubborn, of: config }),
  drainTimeoutMs,
})
const leftovers = async () => processesOf(home.root).flatMap(({ command }) => (command.includes(PROGRAM) ? [command] : []))

runtimeContract('processes', () => ({ connect, wanted, leftovers }))

describe('processes', () => {
  const using = async (use: (runtime: ProcessRuntime) => Promise<void>) => {
    const runtime = connect()
    try {
      await use(runtime)
    } finally {
      await runtime.close()
    }
  }

  test('it knows all that the supervisor runs, as it was when it last looked', () =>
    using(async (runtime) => {
      expect(runtime.processes()).toBeUndefined()
      await runtime.want([wanted('a')])
      const { instance } = await answering(runtime, 'a')
      expect(instance.address).toEqual({ socketPath: home.socket('engine-a') })
      const look = async () => {
        await runtime.observe()
        return (runtime.processes() ?? []).map(({ name, state }) => `${name} ${state}`)
      }
      await until(look, (seen) => seen.join() === 'control ready,engine-a ready', 'both are ready')
    }))

  test('the supervisor killed: said in words, and when it is back it has what was wanted meanwhile', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a'), wanted('b')])
      await Promise.all([answering(runtime, 'a'), answering(runtime, 'b')])
      let changes = 0
      runtime.onChange(() => changes++)
      await supervisor.kill()
      await until(
        async () => changes,
        (seen) => seen > 0,
        'the loss is told',
      )
      await expect(runtime.observe()).rejects.toMatchObject({
        code: 'supervisor_away',
        message: expect.stringContaining('The supervisor does not answer at'),
        advice: expect.stringContaining('strata up'),
      })
      expect(runtime.processes()).toBeUndefined()
      const set = [wanted('b', { config: 'another' }), wanted('c')]
      await expect(runtime.want(set)).rejects.toMatchObject({ code: 'supervisor_away' })
      await expect(runtime.restart('a')).rejects.toMatchObject({ code: 'supervisor_away' })
      await start()
      await answering(runtime, 'b', ({ config }) => config === set[0]!.config)
      await Promise.all([answering(runtime, 'c'), gone(runtime, 'a')])
      expect(await leftovers()).toHaveLength(2)
    }))

  test('a supervisor that has lost its set is told it again', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a')])
      await answering(runtime, 'a')
      await supervisor.kill()
      rmSync(join(home.run, 'engines.json'))
      await start()
      await answering(runtime, 'a')
    }))

  test('another memory limit does not replace it, and holds for what runs', () =>
    using(async (runtime) => {
      const limits = (mebibytes: number) => ({ memoryBytes: mebibytes * 2 ** 20 })
      await runtime.want([{ ...wanted('a'), limits: limits(4_096) }])
      const { health } = await answering(runtime, 'a')
      await runtime.want([{ ...wanted('a'), limits: limits(2_048) }])
      expect((await answering(runtime, 'a')).health).toBe(health)
      await runtime.want([{ ...wanted('a'), limits: limits(4) }])
      const killed = await until(
        () => find(runtime, 'a'),
        (seen) => seen?.lastEnd !== undefined,
        'it is killed',
      )
      expect(killed!.lastEnd).toBe('killed: out of memory (limit 4 MiB)')
      await runtime.want([wanted('a')])
      await answering(runtime, 'a')
    }))
})
