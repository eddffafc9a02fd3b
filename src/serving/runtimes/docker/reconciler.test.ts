import { afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../kernel/clock.ts'
import { StrataError } from '../../../kernel/errors.ts'
import { createLog } from '../../../kernel/log.ts'
import type { ContainerInstance } from './container-spec.ts'
import type { DockerEngine } from './engine-api.ts'
import { createPulls } from './pulls.ts'
import { createReconciler } from './reconciler.ts'
import type { ListedContainer } from './shapes.ts'

/** Docker as it is when nothing goes wrong; a test replaces what shall. */
function daemon() {
  const containers = new Map<string, ListedContainer>()
  const change = (id: string, over: Partial<ListedContainer>) => containers.set(id, { ...containers.get(id)!, ...over })
  const engine = {
    containers: async () => [...containers.values()],
    create: async (name: string, body: object) => {
      if ([...containers.values()].some(({ Names }) => Names.includes(`/${name}`)))
        throw new StrataError('docker_refused', 'the name is in use', { details: { status: 409 } })
      const { Labels } = body as { Labels: Record<string, string> }
      containers.set(name, { Id: name, Names: [`/${name}`], Labels, State: 'created', Ports: [] })
      return name
    },
    start: async (id: string) => void change(id, { State: 'running' }),
    rename: async (id: string, name: string) => void change(id, { Names: [`/${name}`] }),
    stop: async (id: string) => void change(id, { State: 'exited' }),
    kill: async (id: string) => void change(id, { State: 'exited' }),
    remove: async (id: string) => void containers.delete(id),
    hasImage: async () => true,
  }
  return {
    engine: engine as typeof engine & DockerEngine,
    states: () => [...containers.values()].map(({ Names, State }) => `${Names[0]!.slice(17)} ${State}`),
  }
}

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()))
})
const reconcile = (engine: DockerEngine) => {
  const log = createLog('test', () => undefined)
  const closing = new AbortController()
  const nothing = () => undefined
  const pulls = createPulls({ engine, clock: systemClock, changed: nothing, done: nothing })
  const reconciler = createReconciler({
    ...{ engine, home: 'h', network: 'bridge', clock: systemClock, log, pulls },
    changed: nothing,
    signal: closing.signal,
  })
  open.push(() => {
    closing.abort()
    return reconciler.close()
  })
  return reconciler
}
const wanted = (id: string, config = '1'): ContainerInstance => ({ id, config, container: { image: 'i', port: 80 }, drainTimeoutMs: 1_000 })

test('a container that hangs while it starts holds up nobody else, and is seen off when it is through', async () => {
  const { engine, states } = daemon()
  const start = engine.start
  const hung = Promise.withResolvers<void>()
  engine.start = async (id) => {
    if (id.endsWith('-slow')) await hung.promise
    await start(id)
  }
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('slow'), wanted('a')])
  await reconciler.want([wanted('a'), wanted('b')])
  await vi.waitFor(() => expect(states()).toEqual(['slow created', 'a running', 'b running']))
  hung.resolve()
  await vi.waitFor(async () => {
    reconciler.wake()
    expect(states()).toEqual(['a running', 'b running'])
  })
})

test('an end that Docker shows later than it tells of it is found by who looks next', async () => {
  const { engine, states } = daemon()
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('a')])
  await vi.waitFor(() => expect(states()).toEqual(['a running']))
  expect(reconciler.overlooked(await reconciler.look())).toBe(false)
  await engine.kill((await reconciler.look())[0]!.containerId)
  expect(reconciler.overlooked(await reconciler.look())).toBe(true)
  await reconciler.want([])
  expect(reconciler.overlooked(await reconciler.look())).toBe(false)
})

test('what was seen before a container was made is not believed: no second one is tried', async () => {
  const { engine, states } = daemon()
  const { containers, create } = engine
  const made = Promise.withResolvers<void>()
  engine.create = vi.fn(async (name: string, body: object) => {
    await made.promise
    return create(name, body)
  })
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('a')])
  engine.containers = async () => {
    const seen = await containers()
    engine.containers = containers
    made.resolve()
    await vi.waitFor(() => expect(states()).toEqual(['a running']))
    return seen
  }
  await reconciler.want([wanted('a')])
  await reconciler.want([wanted('a')])
  expect(states()).toEqual(['a running'])
  expect(engine.create).toHaveBeenCalledTimes(1)
  expect(reconciler.failureOf('a')).toBeUndefined()
})

test('one that cannot be removed is no reason not to start the others', async () => {
  const { engine, states } = daemon()
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('a')])
  await vi.waitFor(() => expect(states()).toEqual(['a running']))
  engine.remove = async () => {
    throw new StrataError('docker_refused', 'device or resource busy', { details: { status: 500 } })
  }
  await reconciler.want([wanted('b')])
  await reconciler.want([wanted('b'), wanted('c')])
  await vi.waitFor(() => expect(states().map((text) => text.split(' ')[1])).toEqual(['exited', 'running', 'running']))
})

test('an instance that Docker refuses is tried again, later and later, until its config is another one', async () => {
  const { engine, states } = daemon()
  const create = engine.create
  engine.create = async () => {
    throw new StrataError('docker_refused', 'invalid mount', { details: { status: 400 } })
  }
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('a')])
  await vi.waitFor(() => expect(reconciler.failureOf('a')).toMatchObject({ message: 'invalid mount' }))
  engine.create = create
  await reconciler.want([wanted('a')])
  expect(states()).toEqual([])
  await reconciler.want([wanted('a', '2')])
  await vi.waitFor(() => expect(states()).toEqual(['a running']))
  expect(reconciler.failureOf('a')).toBeUndefined()
})

describe('a container that Docker refuses to start', () => {
  /** The first one ever made is refused so often. */
  function refusing(times: number) {
    const { engine, states } = daemon()
    const { start, create, remove } = engine
    const seen = { made: 0, refused: 0 }
    engine.create = (name, body) => {
      seen.made += 1
      return create(name, body)
    }
    engine.start = async (id) => {
      if (seen.made > 1 || seen.refused === times) return start(id)
      seen.refused += 1
      throw new StrataError('docker_refused', 'id already in use', { details: { status: 500 } })
    }
    return { engine, states, seen, remove }
  }
  const refusedOnce = async ({ engine, states }: ReturnType<typeof refusing>) => {
    const reconciler = reconcile(engine)
    await reconciler.want([wanted('a')])
    await vi.waitFor(() => expect(reconciler.failureOf('a')).toMatchObject({ message: 'id already in use' }))
    expect(states()).toEqual(['a created'])
    return reconciler
  }

  test('once is started again', async () => {
    const world = refusing(1)
    await refusedOnce(world)
    await vi.waitFor(() => expect(world.states()).toEqual(['a running']), 5_000)
    expect(world.seen).toEqual({ made: 1, refused: 1 })
  })

  test('for good is replaced by another one', async () => {
    const world = refusing(Number.POSITIVE_INFINITY)
    await refusedOnce(world)
    await vi.waitFor(() => expect(world.states()).toEqual(['a running']), 5_000)
    expect(world.seen).toEqual({ made: 2, refused: 2 })
  })

  test('stays where no other one could be made', async () => {
    const world = refusing(2)
    await refusedOnce(world)
    world.engine.hasImage = async () => false
    await vi.waitFor(() => expect(world.seen.refused).toBe(2), 5_000)
    await vi.waitFor(() => expect(world.states()).toEqual(['a running']), 5_000)
    expect(world.seen.made).toBe(1)
  })

  test('and is not wanted any more is removed, and no other one made', async () => {
    const world = refusing(Number.POSITIVE_INFINITY)
    const reconciler = await refusedOnce(world)
    const gone = Promise.withResolvers<void>()
    world.engine.remove = async (id) => {
      const unwanted = reconciler.want([])
      await world.remove(id)
      gone.resolve(unwanted)
    }
    await gone.promise
    await vi.waitFor(() => expect(world.states()).toEqual([]))
    expect(world.seen.made).toBe(1)
  })
})

test('one that is to be restarted is killed and started, as long as nothing else is to be done for it', async () => {
  const { engine, states } = daemon()
  const done: string[] = []
  const { kill, start } = engine
  engine.kill = (id) => {
    done.push(`kill ${id.slice(16)}`)
    return kill(id)
  }
  engine.start = (id) => {
    done.push(`start ${id.slice(16)}`)
    return start(id)
  }
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('a'), wanted('b')])
  await vi.waitFor(() => expect(states()).toEqual(['a running', 'b running']))
  done.length = 0
  engine.stop = async () => undefined // it takes its time
  await Promise.all([reconciler.restart('a'), reconciler.restart('b'), reconciler.want([wanted('a')]), reconciler.restart('nobody')])
  await reconciler.restart('b')
  await vi.waitFor(() => expect(done).toEqual(['kill a', 'start a']))
})

test('a restart that could not be asked for is not made up for', async () => {
  const { engine, states } = daemon()
  const reconciler = reconcile(engine)
  await reconciler.want([wanted('a')])
  await vi.waitFor(() => expect(states()).toEqual(['a running']))
  const { containers } = engine
  engine.containers = async () => {
    throw new StrataError('docker_away', 'Docker does not answer')
  }
  await expect(reconciler.restart('a')).rejects.toThrow('Docker does not answer')
  engine.containers = containers
  let kills = 0
  engine.kill = async () => {
    kills += 1
  }
  await reconciler.want([wanted('a')])
  expect(kills).toBe(0)
})
