/** The shell, with a clock of its own: what it wants, when, and what of it survives a kill. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import { type Version, versionOf, World } from './example-world.ts'

const KNATIVE = { knative: { target: 5 } }

let world: World
const begin = (...versions: Version[]) => {
  world = new World(...versions)
  return world
}
afterEach(() => world?.control.close())

describe('what is wanted', () => {
  it('follows the load, within its bounds, and each change is stored with its reason', async () => {
    const { version, decisions, control } = begin(versionOf({ min: 1, max: 4, policy: KNATIVE }))
    await world.round()
    for (let i = 0; i < 12; i++) world.request(`r${i}`)
    for (let i = 0; i < 4; i++) await world.round()
    expect(control.wanted(version)).toBe(3)
    for (let i = 12; i < 90; i++) world.request(`r${i}`)
    for (let i = 0; i < 4; i++) await world.round()
    expect(control.wanted(version)).toBe(4)
    expect(decisions.map(({ from, wanted }) => `${from} → ${wanted}`)).toEqual(['1 → 2', '2 → 3', '3 → 4'])
    const last = decisions.at(-1)!
    expect(last).toMatchObject({ policy: 'knative', ready: 3, starting: 0, inputs: { target: 5, panicking: true } })
    expect(last.asked).toBeGreaterThan(4)
    expect(last.reason).toMatch(/panicking, so no fewer than \d+; 4 is the most that is allowed\.$/)
    expect(control.status(version)).toMatchObject({ wanted: 4, since: new Date(last.at).toISOString() })
  })

  it('is `min` of a version without a policy, and of one whose policy was taken away', async () => {
    const { control } = begin(versionOf({ min: 2, max: 9, policy: { schedule: [{ from: '00:00', instances: 7 }] } }))
    expect(await world.round()).toBe(7)
    world.versions = [versionOf({ min: 2 })]
    expect(await world.round()).toBe(2)
    expect([control.status(world.version), control.report(world.version)]).toEqual([undefined, undefined])
  })

  it('is within `min` and `max` at once when these change, before anybody decides', async () => {
    const { control } = begin(versionOf({ min: 1, max: 9, policy: { schedule: [{ from: '00:00', instances: 7 }] } }))
    await world.round()
    world.versions = [versionOf({ min: 1, max: 3, policy: { schedule: [{ from: '00:00', instances: 7 }] } })]
    expect(control.wanted(world.version)).toBe(3)
    await world.round()
    expect(world.decisions.map(({ wanted }) => wanted)).toEqual([7, 3])
  })

  it('stays where another policy begins, whose memory is empty', async () => {
    begin(versionOf({ min: 1, max: 9, policy: { schedule: [{ from: '00:00', instances: 7 }] } }))
    for (let i = 0; i < 10; i++) await world.round()
    world.versions = [versionOf({ min: 1, max: 9, policy: { hpa: { target: 5 } } })]
    expect(await world.round()).toBe(7) // nothing is asked for, and the highest of five minutes is what there is
    for (let i = 0; i < 160; i++) await world.round()
    expect(world.control.wanted(world.version)).toBe(1)
  })

  it('begins with what a version had, that is given a policy', async () => {
    const before = {
      ...versionOf({ min: 0, max: 9, policy: { hpa: { target: 5 } } }),
      status: { conditions: [], instances: { wanted: 6, ready: 6 } },
    }
    const { control } = begin(before as Version)
    expect(control.wanted(world.version)).toBe(6)
    expect(await world.round()).toBe(6)
  })
})

describe('from nothing', () => {
  it('one starts as soon as somebody asks, though the policy looks twice a minute', async () => {
    const { control, decisions } = begin(versionOf({ min: 0, max: 3, policy: { keda: { target: 5 } } }))
    const told = Promise.withResolvers<void>()
    control.onWanted(told.resolve)
    control.start()
    await control.round()
    expect(control.wanted(world.version)).toBe(0)
    world.request('r')
    await told.promise // woken by the record alone: the clock stands still
    expect(control.wanted(world.version)).toBe(1)
    expect(decisions[0]).toMatchObject({ from: 0, wanted: 1, reason: 'One request waits and no instance runs, so one starts.' })
  })

  it('and stays for as long as the policy wants, and goes', async () => {
    begin(versionOf({ min: 0, max: 3, policy: { knative: { target: 5, window: '6s' } }, cooldown: { down: '4s' } }))
    await world.round()
    world.request('r')
    expect(await world.round(0)).toBe(1)
    for (let i = 0; i < 10; i++) expect(await world.round()).toBe(1)
    world.end('r')
    for (let i = 0; i < 5; i++) await world.round()
    expect(world.running).toBe(0)
  })
})

describe('a gateway that is killed', () => {
  const policy = { knative: { target: 5, window: '6s' } }
  const rounds = async (count: number) => {
    for (let i = 0; i < count; i++) await world.round()
  }

  it('leaves no load behind once it is back, though it writes nothing', async () => {
    begin(versionOf({ min: 0, max: 3, policy, cooldown: { down: '4s' } }))
    await world.round()
    for (let i = 0; i < 12; i++) world.request(`r${i}`)
    await rounds(20)
    expect(world.running).toBe(3)
    world.gateways = [{ id: 'g', boot: 'c', connected: true }]
    await rounds(15)
    expect(world.running).toBe(0)
  })

  it('nor where it never comes back, or control was away meanwhile', async () => {
    begin(versionOf({ min: 0, max: 3, policy, cooldown: { down: '4s' } }))
    await world.round()
    world.request('r')
    await rounds(10)
    expect(world.running).toBe(1)
    world.commit()
    await world.control.close()
    world.gateways = []
    world.start()
    await rounds(100)
    expect(world.running).toBe(1) // it may be on its way
    await rounds(60)
    expect(world.running).toBe(0)
  })
})

describe('a control that is killed', () => {
  it('goes on where it was: with what it wanted, its policy’s memory, and each request once', async () => {
    begin(versionOf({ min: 1, max: 9, policy: { hpa: { target: 5 } } }))
    await world.round()
    for (let i = 0; i < 30; i++) world.request(`r${i}`)
    for (let i = 0; i < 20; i++) await world.round()
    expect(world.running).toBe(6)
    world.commit()
    const before = world.decisions.length
    await world.control.close()
    world.start()
    expect(world.control.wanted(world.version)).toBe(6)
    const { seq } = world
    world.seq = 0
    for (let i = 0; i < 30; i++) world.request(`r${i}`) // they come again
    world.seq = seq
    await world.round()
    expect(world.control.report(world.version)!.sample!.concurrency).toBeCloseTo(30)
    expect(world.decisions).toHaveLength(before)
    // All end. What it remembers from before its death holds the instances for five minutes.
    for (let i = 0; i < 30; i++) world.end(`r${i}`)
    for (let i = 0; i < 100; i++) expect(await world.round()).toBe(6)
    for (let i = 0; i < 130; i++) await world.round()
    expect(world.running).toBe(1)
  })

  it('holds to the last decision, where its state was stored before that', async () => {
    begin(versionOf({ min: 1, max: 9, policy: { schedule: [{ from: '00:00', instances: 2 }] } }))
    await world.round()
    world.commit()
    world.versions = [versionOf({ min: 1, max: 9, policy: { schedule: [{ from: '00:00', instances: 5 }] } })]
    await world.round()
    await world.control.close()
    world.start()
    expect(world.control.wanted(world.version)).toBe(5)
  })

  it('takes nothing away in its first ten seconds: the records of meanwhile are still to be read', async () => {
    const quick = { min: 1, max: 9, policy: { knative: { target: 5, window: '6s' } }, cooldown: { down: '0s' } }
    begin(versionOf(quick))
    await world.round()
    for (let i = 0; i < 30; i++) world.request(`r${i}`)
    for (let i = 0; i < 8; i++) await world.round()
    expect(world.running).toBe(6)
    world.commit()
    for (let i = 0; i < 30; i++) world.end(`r${i}`)
    world.commit()
    await world.control.close()
    world.start()
    for (let i = 0; i < 5; i++) expect(await world.round()).toBe(6)
    for (let i = 0; i < 8; i++) await world.round()
    expect(world.running).toBe(1)
  })

  it('begins anew where what is stored is not its own', async () => {
    begin()
    world.kept.set('autoscaler/uid', '{"nonsense":1}')
    world.versions = [versionOf({ min: 2, max: 3, policy: KNATIVE })]
    world.start()
    expect(await world.round()).toBe(2)
  })

  it('forgets versions that are gone, and their decisions', async () => {
    begin(versionOf({ min: 1, max: 9, policy: { schedule: [{ from: '00:00', instances: 2 }] } }))
    await world.round()
    world.commit()
    expect([world.kept.size, world.decisions.length]).toEqual([1, 1])
    world.versions = []
    world.clock.advance(2_000)
    await world.control.round()
    world.commit()
    expect([world.kept.size, world.decisions.length]).toEqual([0, 0])
  })
})

describe('what is stored', () => {
  it('is a point a minute', async () => {
    begin(versionOf({ min: 1, max: 4, policy: KNATIVE }))
    world.clock.advance(60_000 - (world.clock.now() % 60_000))
    const minute = world.clock.now()
    await world.round(0)
    await world.round()
    world.request('a')
    for (let i = 0; i < 61; i++) await world.round()
    expect([...world.points.values()].map(({ at }) => (at - minute) / 60_000)).toEqual([0, 1])
    const point = world.points.get(`uid ${minute + 60_000}`)
    expect(point).toEqual({
      uid: 'uid',
      at: minute + 60_000,
      concurrency: 1,
      arrivals: 0,
      queued: 0,
      misses: 0,
      wanted: 1,
      ready: 1,
      starting: 0,
    })
  })

  it('waits for a database that takes nothing; what was decided is done all the same', async () => {
    begin(versionOf({ min: 1, max: 9, policy: { schedule: [{ from: '00:00', instances: 2 }] } }))
    world.broken = true
    await expect(world.round()).rejects.toThrow('the disk is full')
    expect(world.control.wanted(world.version)).toBe(2)
    world.broken = false
    await world.round()
    expect(world.decisions).toHaveLength(1)
  })

  it('is less than 100 KB a version, with all that it may remember', async () => {
    begin(versionOf({ min: 1, max: 64, policy: { objective: {} } }))
    await world.round()
    for (let i = 0; i < 2_000; i++) world.request(`req_01K${i}5XQ8Z9M3N7P2R4T6V8W`)
    const time = () => new Date(world.clock.now()).toISOString()
    for (let i = 0; i < 3_000; i++)
      world.control.fold.add({
        ...{
          type: 'finished',
          id: `req_01KA${i}`,
          gateway: 'g',
          boot: 'b',
          seq: world.seq++,
          time: time(),
          namespace: 'default',
          assigned: 'v',
        },
        ...{ attempts: [{}], outcome: 'ok', instance: `v-${i % 20}-abcdef`, tokens: { in: 812, cached: 0, out: 154 } },
        times: { total: 4_321.7, firstToken: 213.4 },
      } as unknown as RequestRecord)
    for (let i = 0; i < 200; i++) await world.round()
    world.commit()
    expect(world.kept.get('autoscaler/uid')!.length).toBeLessThan(100_000)
  })
})

describe('a query', () => {
  let server: Server
  afterEach(() => server?.close())

  it('is asked, and what it says is followed', async () => {
    const asked: string[] = []
    server = createServer(async (req, res) => {
      let body = ''
      for await (const chunk of req) body += chunk
      asked.push(new URLSearchParams(body).get('query')!)
      res.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [{ value: [0, '20'] }, { value: [0, '18.5'] }] } }))
    }).listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    begin(versionOf({ min: 1, max: 9, policy: { prometheus: { address, query: 'sum(x)', target: 10 } } }))
    const told = Promise.withResolvers<void>()
    world.control.onWanted(told.resolve)
    world.control.start()
    world.clock.advance(2_000)
    await world.control.round()
    world.clock.advance(2_000) // the answer wakes it, and finds that time has passed
    await told.promise
    expect(asked).toEqual(['sum(x)'])
    expect(world.control.wanted(world.version)).toBe(4)
    expect(world.control.report(world.version)!.reason).toMatch(/^38\.5 on 1 instance, target 10 each: 4 recommended/)
  })
})
