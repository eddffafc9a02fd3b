/** What every runtime keeps to, each run against the real thing. The instances run `test/peers/instance-program.mjs`. */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { RunningInstance, Runtime, WantedInstance } from './port.ts'

export interface RuntimeUnderTest {
  /** Another object for the same home, as after a restart of control. */
  connect(): Runtime
  /** One that runs the program, told in the runtime's own way. */
  wanted(id: string, over?: Told): WantedInstance
  /** What there is of this home, wanted or not, as the runtime's own tools tell it. */
  leftovers(): Promise<readonly string[]>
}

export interface Told {
  /** Whatever makes its config another one. */
  readonly config?: string
  readonly drainTimeoutMs?: number
  /** As it calls itself; its id unless said. */
  readonly name?: string
  /** It does not end when it is told to. */
  readonly stubborn?: boolean
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
  const address = instance?.address
  if (!address) return undefined
  try {
    return await new Promise<string>((resolve, reject) => {
      const sent = request({ ...address, path, method, agent: false, signal: AbortSignal.timeout(5_000) }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve(text)).on('error', reject)
      })
      sent.on('error', reject).end()
    })
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
  const wanted = (id: string, told?: Told) => subject().wanted(id, told)
  const configOf = (id: string) => wanted(id).config
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

    test('what is wanted runs and answers; what is not wanted any more ends and is gone', async () => {
      const runtime = connect()
      expect(await runtime.observe()).toEqual([])
      await runtime.want([wanted('a'), wanted('b')])
      const { instance, health } = await answering(runtime, 'a')
      expect(instance).toMatchObject({ id: 'a', config: configOf('a'), state: 'running', restarts: 0 })
      expect(instance.since).toBeGreaterThan(Date.now() - 60_000)
      expect(JSON.parse(health!)).toMatchObject({ name: 'a' })
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
      expect(await second.observe()).toMatchObject([{ id: 'a', config: configOf('a'), state: 'running' }])
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
      const another = wanted('a', { config: 'another', name: 'new' })
      await runtime.want([another])
      const counts: number[] = []
      await until(
        async () => {
          counts.push((await subject().leftovers()).length)
          const instance = await find(runtime, 'a')
          return { config: instance?.config, health: await ask(instance, '/health') }
        },
        ({ config, health }) => config === another.config && health !== undefined,
        'the new one answers',
      )
      expect(Math.max(...counts)).toBe(1)
      expect(JSON.parse((await answering(runtime, 'a')).health!)).toMatchObject({ name: 'new' })
    })

    test('told to end, it may finish what it does; a new object neither takes it for wanted nor tells it twice', async () => {
      const first = connect()
      await first.want([wanted('a')])
      const { instance } = await answering(first, 'a')
      const slow = ask(instance, '/slow?ms=2000')
      await sleep(200)
      await first.want([])
      expect(await find(first, 'a')).toMatchObject({ state: 'ending' })
      await first.close()
      const second = connect()
      expect(await find(second, 'a')).toMatchObject({ state: 'ending' })
      await second.want([wanted('a')])
      expect(await find(second, 'a')).toMatchObject({ state: 'ending' })
      const told = await until(
        async () => (await second.logs('a', 100)).filter((line) => line === 'a was told to end'),
        (lines) => lines.length > 0,
        'it was told',
      )
      expect(told).toHaveLength(1)
      expect(await slow).toBe('begun\ndone\n')
      const { health } = await answering(second, 'a')
      expect(startedOf(health)).toBeGreaterThan(instance.since)
    })

    test('one that does not end by itself is killed after its drain time', async () => {
      const runtime = connect()
      await runtime.want([wanted('a', { drainTimeoutMs: 1_000, stubborn: true })])
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
      await until(
        async () => changes,
        (seen) => seen > 0,
        'the change is told',
      )
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

    test('restarted: ended hard and back, as if it had ended by itself; one that leaves or is not there is left alone', async () => {
      const runtime = connect()
      await runtime.want([wanted('a'), wanted('b', { stubborn: true, drainTimeoutMs: 3_000 })])
      const [before, other] = [await answering(runtime, 'a'), await answering(runtime, 'b')]
      await runtime.restart('a')
      await runtime.restart('nobody')
      const again = await answering(runtime, 'a', ({ restarts }) => restarts === 1)
      expect(startedOf(again.health)).toBeGreaterThan(startedOf(before.health))
      expect(again.instance).toMatchObject({ config: configOf('a'), state: 'running', lastEnd: expect.stringContaining('SIGKILL') })
      await ask(again.instance, '/exit?code=3', 'POST')
      await answering(runtime, 'a', ({ restarts, lastEnd }) => restarts === 2 && lastEnd === 'exit code 3')
      await runtime.want([wanted('a')])
      await runtime.restart('b')
      await sleep(500)
      expect(startedOf((await answering(runtime, 'b', ({ state }) => state === 'ending')).health)).toBe(startedOf(other.health))
      await gone(runtime, 'b')
    })

    test('one that uses more memory than it may is killed, and says so with its limit', async () => {
      const runtime = connect()
      await runtime.want([{ ...wanted('a'), limits: { memoryBytes: 128 * 2 ** 20, cpu: 0.5 } }])
      const { instance } = await answering(runtime, 'a')
      await ask(instance, '/oom', 'POST')
      const again = await answering(runtime, 'a', ({ restarts }) => restarts === 1)
      expect(again.instance.lastEnd).toBe('killed: out of memory (limit 128 MiB)')
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
