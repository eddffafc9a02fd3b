import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { createLog } from '../../src/kernel/log.ts'
import { createDockerRuntime } from '../../src/serving/runtimes/docker/index.ts'
import type { Container, RunningInstance, Runtime, WantedInstance } from '../../src/serving/runtimes/port.ts'
import { answering, ask, find, gone, runtimeContract, type Told, until } from '../../src/serving/runtimes/runtime.contract.ts'
import { type DockerDaemon, startDockerd } from '../peers/dockerd.ts'
import { type Registry, type RegistryOptions, startRegistry } from './registry.ts'

const HOME = 'runtime-test'
const log = createLog('test', () => undefined)
let daemon: DockerDaemon

beforeAll(async () => {
  daemon = await startDockerd()
})
afterAll(async () => {
  await daemon?.stop()
  expect(await daemon?.leftovers()).toEqual([])
})

const connect = (network = daemon.network, home = HOME): Runtime =>
  createDockerRuntime({ socketPath: daemon.socketPath, home, network, clock: systemClock, log })
const container = (over: Partial<Container> = {}): Container => ({ image: daemon.image, port: 8080, ...over })
const wanted = (id: string, over: Partial<Container> = {}): WantedInstance => ({
  id,
  config: id,
  container: container({ env: { NAME: id }, ...over }),
  drainTimeoutMs: 5_000,
})
const told = (id: string, { config = `config of ${id}`, drainTimeoutMs = 10_000, name = id, stubborn }: Told = {}): WantedInstance => ({
  id,
  config,
  container: container({ env: { NAME: name, ...(stubborn ? { STUBBORN: 'yes' } : {}) } }),
  drainTimeoutMs,
})
const portOf = ({ address }: RunningInstance) => (address && 'port' in address ? address.port : undefined)
const containers = async (home = HOME) => {
  const filters = encodeURIComponent(JSON.stringify({ label: [`dev.strata.home=${home}`] }))
  return (await daemon.ask('GET', `/containers/json?all=1&filters=${filters}`)) as { Id: string; Names: string[]; State: string }[]
}
const leftovers = async () => (await containers()).map(({ Names, State }) => `${Names[0]} ${State}`)

runtimeContract('Docker', () => ({ connect: () => connect(), wanted: told, leftovers }))

describe('Docker', () => {
  /** A runtime for a test, with nothing left after it. */
  const using = async (use: (runtime: Runtime) => Promise<void>, network?: string) => {
    const runtime = connect(network)
    try {
      await use(runtime)
    } finally {
      await runtime.want([])
      await until(leftovers, (left) => left.length === 0, 'nothing is left')
      await runtime.close()
    }
  }

  const withRegistry = async (options: RegistryOptions, use: (registry: Registry) => Promise<void>) => {
    const registry = await startRegistry(options)
    try {
      await use(registry)
    } finally {
      await registry.stop()
    }
  }

  test('an image that is not there: failed, in words, and the others run', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a', { image: '127.0.0.1:9/no/such-image:1' }), wanted('b')])
      const failed = await until(
        () => find(runtime, 'a'),
        (instance) => instance?.state === 'failed',
        'it has failed',
      )
      expect(failed!.message).toMatch(/no\/such-image/)
      await answering(runtime, 'b')
      await runtime.want([])
      await gone(runtime, 'a')
    }))

  test('$(PORT) in its arguments is where it listens', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a', { args: ['--port', '$(PORT)'] })])
      expect(JSON.parse((await answering(runtime, 'a')).health!)).toMatchObject({ args: ['--port', '8080'] })
    }))

  test('one that was restarted is still Docker’s to start again, with nobody there to help', () =>
    using(async () => {
      const alone = connect()
      await alone.want([wanted('a')])
      await answering(alone, 'a')
      await alone.restart('a')
      const { instance } = await answering(alone, 'a', ({ restarts }) => restarts === 1)
      await alone.close()
      await ask(instance, '/exit?code=3', 'POST')
      const look = async () => {
        const { Id } = (await containers())[0]!
        const { State, RestartCount } = (await daemon.ask('GET', `/containers/${Id}/json`)) as {
          State: { Status: string }
          RestartCount: number
        }
        return `${State.Status} ${RestartCount}`
      }
      await until(look, (seen) => seen === 'running 1', 'it runs again')
    }))

  test('without a container there is nothing to run', () =>
    using(async (runtime) => {
      const { container: _, ...without } = wanted('a')
      await expect(runtime.want([without])).rejects.toThrow('The instance a names no container')
    }))

  test('on the network of the host each instance has a port of its own, unless its manifest names one', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a'), wanted('b')])
      const [a, b] = [await answering(runtime, 'a'), await answering(runtime, 'b')]
      expect(portOf(a.instance)).not.toBe(portOf(b.instance))
      expect(JSON.parse(a.health!)).toMatchObject({ name: 'a' })
      expect(JSON.parse(b.health!)).toMatchObject({ name: 'b' })
      await ask(a.instance, '/exit?code=1', 'POST')
      const again = await answering(runtime, 'a', ({ restarts }) => restarts === 1)
      expect(again.instance.address).toEqual(a.instance.address)
    }, 'host'))

  test('what Docker refuses to start is said in its words, and is no reason to forget the others', () =>
    using(async (runtime) => {
      const volumes = [{ source: '/no/such/folder', target: '/data', readOnly: true }]
      await runtime.want([wanted('a', { volumes }), wanted('b')])
      const failed = await until(
        () => find(runtime, 'a'),
        (instance) => instance?.state === 'failed',
        'it has failed',
      )
      expect(failed!.message).toContain('/no/such/folder')
      await answering(runtime, 'b')
      await runtime.want([wanted('a', {}), wanted('b')].map((each) => ({ ...each, config: `${each.config} 2` })))
      await answering(runtime, 'a')
    }))

  test('an image is pulled once for all who want it, with its progress; a pull that nobody waits for any more is given up', () =>
    using(async (runtime) => {
      await withRegistry({ layerBytes: 12_000_000, bytesPerSecond: 1_000_000 }, async (registry) => {
        const said = new Set<string | undefined>()
        const look = async () => {
          const instances = await runtime.observe()
          for (const { state, message } of instances) if (state === 'pulling') said.add(message)
          return instances
        }
        await runtime.want([wanted('a', { image: registry.image }), wanted('b', { image: registry.image })])
        await until(look, (seen) => seen.every(({ state }) => state === 'pulling') && said.size > 2, 'both are pulling')
        expect([...said].join('\n')).toMatch(/pulling \d+\.\d of 12\.\d MB/)
        await runtime.want([])
        await until(
          async () => registry.sending(),
          (sending) => sending === 0,
          'it is given up',
        )

        registry.setSpeed(50_000_000)
        await runtime.want([wanted('a', { image: registry.image }), wanted('b', { image: registry.image })])
        // There is nothing to run in it: that Docker says so means that it is there.
        await until(look, (seen) => seen.every(({ message }) => message?.includes('No command specified')), 'it is there')
        expect(registry.pulls()).toBe(2)
      })
    }))

  test('a registry that breaks off: failed in words, and tried again', () =>
    using(async (runtime) => {
      await withRegistry({ layerBytes: 1_000_000, bytesPerSecond: 50_000_000 }, async (registry) => {
        registry.breakDown(true)
        await runtime.want([wanted('a', { image: registry.image })])
        const state = async () => (await find(runtime, 'a'))!
        const failed = await until(state, (seen) => seen.state === 'failed', 'it has failed')
        expect(failed.message).toMatch(/^cannot pull .*: /)
        registry.breakDown(false)
        await until(state, ({ message }) => message?.includes('No command specified') === true, 'it is there')
      })
    }))

  test('closed, it leaves no connection to the daemon behind', async () => {
    const pipesOpen = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length
    const listening = async () => ((await daemon.ask('GET', '/info')) as { NEventsListener: number }).NEventsListener
    const pipes = pipesOpen()
    const runtime = connect()
    await until(listening, (count) => count === 1, 'it listens')
    await runtime.close()
    await until(listening, (count) => count === 0, 'nobody listens')
    await until(
      async () => pipesOpen(),
      (count) => count <= pipes,
      'its sockets are closed',
    )
  })

  test('the name is taken by a container that is not ours: said, not touched, and started when it is free', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a')])
      await answering(runtime, 'a')
      const name = (await containers())[0]!.Names[0]!.slice(1)
      await runtime.want([])
      await gone(runtime, 'a')
      await daemon.ask('POST', `/containers/create?name=${name}`, { Image: daemon.image })
      await runtime.want([wanted('a')])
      const failed = await until(
        () => find(runtime, 'a'),
        (instance) => instance?.state === 'failed',
        'it has failed',
      )
      expect(failed!.message).toContain('already in use')
      await daemon.ask('DELETE', `/containers/${name}`)
      await answering(runtime, 'a')
    }))

  test('one that somebody stopped, killed or removed is back', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a')])
      await answering(runtime, 'a')
      const [first] = await containers()
      for (const how of ['stop', 'kill']) {
        await daemon.ask('POST', `/containers/${first!.Id}/${how}`)
        await answering(runtime, 'a')
      }
      expect((await containers()).map(({ Id }) => Id)).toEqual([first!.Id])
      await daemon.ask('DELETE', `/containers/${first!.Id}?force=1`)
      await answering(runtime, 'a')
      expect((await containers()).map(({ Id }) => Id)).not.toEqual([first!.Id])
    }))

  test('another home on the same daemon is nobody of ours', () =>
    using(async (runtime) => {
      const other = connect(undefined, 'another-home')
      await Promise.all([runtime.want([wanted('a')]), other.want([wanted('a')])])
      await Promise.all([answering(runtime, 'a'), answering(other, 'a')])
      await runtime.want([])
      await gone(runtime, 'a')
      await answering(other, 'a')
      await other.want([])
      await until(
        () => containers('another-home'),
        (left) => left.length === 0,
        'the other one is gone',
      )
      await other.close()
    }))

  test('the daemon killed: said in words, and when it is back nothing is doubled, orphaned or resurrected', () =>
    using(async (runtime) => {
      await runtime.want([wanted('a'), wanted('b'), wanted('c', { env: { NAME: 'c', STUBBORN: 'yes' } })])
      await Promise.all([answering(runtime, 'a'), answering(runtime, 'b'), answering(runtime, 'c')])
      await runtime.want([wanted('a'), wanted('b')]) // c is ending, and takes its time
      let changes = 0
      runtime.onChange(() => changes++)
      await daemon.kill()
      await expect(runtime.observe()).rejects.toMatchObject({
        code: 'docker_away',
        message: expect.stringContaining('Docker does not answer at'),
        advice: expect.stringContaining('Start Docker'),
      })
      await until(
        async () => changes,
        (seen) => seen > 0,
        'the loss is told',
      )
      await expect(runtime.want([wanted('a')])).rejects.toMatchObject({ code: 'docker_away' })
      await daemon.start()
      await answering(runtime, 'a') // wanted while the daemon was away, and so is that b is not
      await gone(runtime, 'b')
      await gone(runtime, 'c')
      expect(await leftovers()).toEqual([expect.stringMatching(/-a running$/)])
    }))

  test('the daemon killed in the middle of starts, whenever: all run soon after it is back', { timeout: 120_000 }, () =>
    using(async (runtime) => {
      for (const [i, moment] of [250, 350, 450, 550].entries()) {
        const ids = [`m${i}`, `n${i}`, `o${i}`]
        runtime.want(ids.map((id) => wanted(id))).catch(() => undefined) // the daemon may be away by then
        await sleep(moment)
        await daemon.kill()
        await daemon.start()
        await Promise.all(ids.map((id) => answering(runtime, id)))
      }
    }),
  )

  test('all at once: a new control, a new daemon, and another set', async () => {
    const first = connect()
    await first.want([wanted('a'), wanted('b')])
    await answering(first, 'b')
    await Promise.all([daemon.kill(), first.close()])
    await sleep(200)
    await daemon.start()
    await using(async (runtime) => {
      await runtime.want([wanted('b'), wanted('c')])
      await Promise.all([answering(runtime, 'b'), answering(runtime, 'c'), gone(runtime, 'a')])
      expect(await containers()).toHaveLength(2)
    })
  })
})
