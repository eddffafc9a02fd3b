/** What every runtime keeps to, each run against the real thing. The instances run `test/peers/instance-program.mjs`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { Container, RunningInstance, Runtime, WantedInstance } from './port.ts'

export interface RuntimeUnderTest {
  /** Another object for the same home, as after a restart of control. */
  connect(): Runtime
  /** One that runs the program. */
  container(over?: Partial<Container>): Container
  /** What there is of this home, wanted or not, as the runtime's own tools tell it. */
  leftovers(): Promise<readonly string[]>
}

/** Asks until it is so; what was seen last stands in the error. */
export async function until<T>(look: () => Promise<T>, is: (seen: T) => boolean, what: string, timeoutMs = 15_000): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (is(seen)) return seen
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s; last seen: ${JSON.stringify(seen)}`)
    await sleep(50)
  }
}

/** Asks an instance; undefined while it does not answer. */
export async function ask(instance: RunningInstance | undefined, path: string, method = 'GET'): Promise<string | undefined> {
  if (!instance?.address) return undefined
  const { host, port } = instance.address
  try {
    const answer = await fetch(`http://${host}:${port}${path}`, { method, signal: AbortSignal.timeout(5_000) })
    return await answer.text()
  } catch {
    return undefined // it is starting, or has ended before it could answer
  }
}

export async function find(runtime: Runtime, id: string): Promise<RunningInstance | undefined> {
  return (await runtime.observe()).find((instance) => instance.id === id)
}

/** Until it answers. `which`: what else must be true of it. */
export function answering(runtime: Runtime, id: string, which: (instance: RunningInstance) => boolean = () => true) {
  const look = async () => {
    const instance = await find(runtime, id)
    return { instance: instance!, health: await ask(instance, '/health') }
  }
  return until(look, ({ instance, health }) => health !== undefined && which(instance), `${id} answers`)
}

export const gone = (runtime: Runtime, id: string) =>
  until(
    () => find(runtime, id),
    (instance) => instance === undefined,
    `${id} is gone`,
  )

export function runtimeContract(name: string, subject: () => RuntimeUnderTest): void {
  const open: Runtime[] = []
  const connect = () => {
    const runtime = subject().connect()
    open.push(runtime)
    return runtime
  }
  const wanted = (id: string, over: Partial<WantedInstance> = {}, container: Partial<Container> = {}): WantedInstance => ({
    id,
    config: `config of ${id}`,
    container: subject().container({ env: { NAME: id }, ...container }),
    drainTimeoutMs: 10_000,
    ...over,
  })
  const startedOf = (health: string | undefined) => (JSON.parse(health!) as { started: number }).started

  describe(`a runtime by ${name}`, () => {
    afterEach(async () => {
      await Promise.all(open.splice(0).map((runtime) => runtime.close()))
      const last = subject().connect()
      await last.want([])
      await until(
        () => subject().leftovers(),
        (left) => left.length === 0,
        'nothing is left',
      )
      await last.close()
    })

    test('what is wanted runs and answers, with its arguments; what is not wanted any more ends and is gone', async () => {
      const runtime = connect()
      expect(await runtime.observe()).toEqual([])
      await runtime.want([wanted('a', {}, { args: ['--port', '$(PORT)'] }), wanted('b')])
      const { instance, health } = await answering(runtime, 'a')
      expect(instance).toMatchObject({ id: 'a', config: 'config of a', state: 'running', restarts: 0 })
      expect(instance.since).toBeGreaterThan(Date.now() - 60_000)
      expect(JSON.parse(health!)).toMatchObject({ name: 'a', args: ['--port', expect.stringMatching(/^\d+$/)] })
      await answering(runtime, 'b')
      await runtime.want([wanted('b')])
      await gone(runtime, 'a')
      expect((await runtime.observe()).map(({ id }) => id)).toEqual(['b'])
    })

    test('wanting the same again, many times at once and from a new object, changes nothing', async () => {
      const first = connect()
      await Promise.all(Array.from({ length: 8 }, () => first.want([wanted('a')])))
      const before = await answering(first, 'a')
      await first.close()
      const second = connect()
      expect(await second.observe()).toMatchObject([{ id: 'a', config: 'config of a', state: 'running' }])
      await Promise.all(Array.from({ length: 8 }, () => second.want([wanted('a')])))
      const after = await answering(second, 'a')
      expect(startedOf(after.health)).toBe(startedOf(before.health))
      expect(await subject().leftovers()).toHaveLength(1)
    })

    test('a new object ends nothing before it was told what is wanted', async () => {
      const first = connect()
      await first.want([wanted('a')])
      await answering(first, 'a')
      await first.close()
      const second = connect()
      await sleep(300)
      expect(await second.observe()).toMatchObject([{ id: 'a', state: 'running' }])
    })

    test('another config: the old one ends, then the new one starts, never both', async () => {
      const runtime = connect()
      await runtime.want([wanted('a')])
      await answering(runtime, 'a')
      await runtime.want([wanted('a', { config: 'another' }, { env: { NAME: 'new' } })])
      const counts: number[] = []
      await until(
        async () => {
          counts.push((await subject().leftovers()).length)
          const instance = await find(runtime, 'a')
          return { config: instance?.config, health: await ask(instance, '/health') }
        },
        ({ config, health }) => config === 'another' && health !== undefined,
        'the new one answers',
      )
      expect(Math.max(...counts)).toBe(1)
      expect(JSON.parse((await answering(runtime, 'a')).health!)).toMatchObject({ name: 'new' })
    })

    test('told to end, it may finish what it does; a new object neither takes it for wanted nor tells it twice', async () => {
      const first = connect()
      await first.want([wanted('a')])
      const { instance } = await answering(first, 'a')
      const slow = fetch(`http://${instance.address!.host}:${instance.address!.port}/slow?ms=2000`)
      await sleep(200)
      await first.want([])
      expect(await find(first, 'a')).toMatchObject({ state: 'ending' })
      await first.close()
      const second = connect()
      expect(await find(second, 'a')).toMatchObject({ state: 'ending' })
      await second.want([wanted('a')])
      expect(await find(second, 'a')).toMatchObject({ state: 'ending' })
      expect((await second.logs('a', 100)).filter((line) => line === 'a was told to end')).toHaveLength(1)
      expect(await (await slow).text()).toBe('begun\ndone\n')
      const { health } = await answering(second, 'a')
      expect(startedOf(health)).toBeGreaterThan(instance.since)
    })

    test('one that does not end by itself is killed after its drain time', async () => {
      const runtime = connect()
      await runtime.want([wanted('a', { drainTimeoutMs: 1_000 }, { env: { NAME: 'a', STUBBORN: 'yes' } })])
      await answering(runtime, 'a')
      const told = performance.now()
      await runtime.want([])
      expect(performance.now() - told).toBeLessThan(900)
      await gone(runtime, 'a')
      expect(performance.now() - told).toBeGreaterThan(900)
    })

    test('one that ends is started again, and says how it ended', async () => {
      const runtime = connect()
      await runtime.want([wanted('a')])
      const { instance } = await answering(runtime, 'a')
      let changes = 0
      const stopListening = runtime.onChange(() => changes++)
      await ask(instance, '/exit?code=3', 'POST')
      const again = await answering(runtime, 'a', ({ restarts }) => restarts === 1)
      expect(again.instance).toMatchObject({ state: 'running', lastEnd: 'exit code 3' })
      expect(changes).toBeGreaterThan(0)
      stopListening()
      await ask(again.instance, '/exit?code=0', 'POST')
      expect((await answering(runtime, 'a', ({ restarts }) => restarts === 2)).instance.lastEnd).toBe('exit code 0')
    })

    test('its last lines, of both streams and of earlier runs, oldest first', async () => {
      const runtime = connect()
      await runtime.want([wanted('a')])
      const { instance } = await answering(runtime, 'a')
      await ask(instance, '/print?line=%C3%BC&times=20000')
      await ask(instance, '/print?line=short')
      const lines = await until(
        () => runtime.logs('a', 100),
        (seen) => seen.at(-1) === 'short',
        'the lines are there',
      )
      expect(lines).toContain('a listens')
      expect(lines).toContain('a says it on stderr too')
      expect(lines.at(-2)).toMatch(/^ü{1000,}/)
      expect(await runtime.logs('a', 1)).toEqual(['short'])
      await ask(instance, '/exit?code=3', 'POST')
      await answering(runtime, 'a', ({ restarts }) => restarts === 1)
      expect(await runtime.logs('a', 100)).toEqual(expect.arrayContaining(['short', 'a listens']))
      expect(await runtime.logs('nobody', 10)).toEqual([])
    })

    test('an image that is not there: failed, in words, and the others run', async () => {
      const runtime = connect()
      const absent = wanted('a', {}, { image: '127.0.0.1:9/no/such-image:1' })
      await runtime.want([absent, wanted('b')])
      const failed = await until(
        () => find(runtime, 'a'),
        (instance) => instance?.state === 'failed',
        'it has failed',
      )
      expect(failed!.message).toMatch(/no\/such-image/)
      await answering(runtime, 'b')
      await runtime.want([])
      await gone(runtime, 'a')
    })

    test('closed, it lets go: what runs goes on', async () => {
      const runtime = connect()
      await runtime.want([wanted('a')])
      const { instance } = await answering(runtime, 'a')
      await runtime.close()
      await runtime.close()
      expect(await ask(instance, '/health')).toBeDefined()
      await expect(runtime.observe()).rejects.toThrow(/closed/)
    })
  })
}
