/** Both ends of the snapshot feed over a real socket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createSnapshotFeed, type SnapshotFeed } from '../../src/control/feed/index.ts'
import { followSnapshots, type SnapshotFollower } from '../../src/gateway/snapshot/feed.ts'
import { createLog } from '../../src/kernel/log.ts'
import { type CompiledKey, entryKey, type SnapshotEntry } from '../../src/resources/snapshot.ts'

const TOKEN = 'the feed token'
const log = createLog('test', () => undefined)
const key = (consumer: string): CompiledKey => ({ kind: 'key', name: 'k', namespace: 'default', consumer })
const entries = (...names: string[]) => new Map<string, SnapshotEntry>(names.map((name) => [entryKey.key(name), key(name)]))

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'strata-feed-'))
  closers.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function control(socketPath: string): Promise<{ feed: SnapshotFeed; stop(): Promise<void> }> {
  const feed = createSnapshotFeed({ feedToken: TOKEN, gateways: 1, log })
  const server: Server = createServer((req, res) => feed.handle(req, res))
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= new Promise<void>((resolve) => {
      feed.close()
      server.closeAllConnections()
      server.close(() => resolve())
    })
    return stopped
  }
  closers.push(stop)
  return { feed, stop }
}

function follower(socketPath: string, at: string, id = 'gateway-0', boot = 'boot-1'): SnapshotFollower {
  const follow = followSnapshots({ gateway: id, boot, control: { socketPath }, feedToken: TOKEN, folder: at, log, busy: () => [] })
  closers.push(() => follow.close())
  return follow
}

const names = (follow: SnapshotFollower) => [...follow.tables().key.keys()].sort()

describe('the feed', () => {
  it('brings the whole, then deltas, and hears the acknowledgements', async () => {
    const at = folder()
    const socket = join(at, 'c.sock')
    const { feed } = await control(socket)
    const follow = follower(socket, at)
    feed.load(entries('a', 'b'))
    await expect.poll(() => names(follow)).toEqual(['key/a', 'key/b'])
    const version = feed.update(entries('c'), [entryKey.key('a')])
    expect(await feed.acked(version, 2_000)).toBe(true)
    expect(names(follow)).toEqual(['key/b', 'key/c'])
    expect(feed.gateways()).toMatchObject([{ id: 'gateway-0', boot: 'boot-1', version, status: 'ack', connected: true }])
  })

  it('sends nothing where nothing changed', async () => {
    const at = folder()
    const { feed } = await control(join(at, 'c.sock'))
    feed.load(entries('a'))
    expect(feed.update(entries('a'), [entryKey.key('nobody')])).toBe(1)
  })

  it('lets an empty control take nothing away before it has looked', async () => {
    const at = folder()
    const socket = join(at, 'c.sock')
    const first = await control(socket)
    const follow = follower(socket, at)
    first.feed.load(entries('a'))
    await expect.poll(() => names(follow)).toEqual(['key/a'])
    await first.stop()
    const second = await control(socket)
    await expect.poll(() => second.feed.gateways().length, { timeout: 3_000 }).toBe(1)
    expect(names(follow)).toEqual(['key/a'])
    second.feed.load(entries('b'))
    await expect.poll(() => names(follow)).toEqual(['key/b'])
  })

  it('resumes where a gateway was cut off, and gives the whole where it was away too long', async () => {
    const at = folder()
    const socket = join(at, 'c.sock')
    const { feed } = await control(socket)
    feed.load(entries('a'))
    const follow = follower(socket, at)
    await expect.poll(() => names(follow)).toEqual(['key/a'])
    follow.close()
    for (let i = 0; i < 300; i++) feed.update(entries(`n${i}`))
    const again = follower(socket, at, 'gateway-0', 'boot-2')
    await expect.poll(() => names(again).length).toBe(301)
    expect(await feed.acked(feed.version(), 2_000)).toBe(true)
  })

  it('keeps two gateways apart', async () => {
    const at = folder()
    const socket = join(at, 'c.sock')
    const { feed } = await control(socket)
    feed.load(entries('a'))
    const one = follower(socket, at, 'gateway-0')
    const two = follower(socket, at, 'gateway-1')
    await expect.poll(() => [names(one), names(two)]).toEqual([['key/a'], ['key/a']])
    two.close()
    await expect.poll(() => feed.gateways().find(({ id }) => id === 'gateway-1')?.connected, { timeout: 3_000 }).toBe(false)
    // Whoever is gone is not waited for.
    expect(await feed.acked(feed.update(entries('b')), 2_000)).toBe(true)
  })

  it('refuses whoever does not know its token', async () => {
    const at = folder()
    const socketPath = join(at, 'c.sock')
    const { feed } = await control(socketPath)
    feed.load(entries('a'))
    const status = (authorization?: string) =>
      new Promise<number>((resolve, reject) => {
        request({ socketPath, path: '/feed?gateway=gateway-0&boot=b', headers: authorization ? { authorization } : {} }, (res) => {
          res.destroy()
          resolve(res.statusCode!)
        })
          .on('error', reject)
          .end()
      })
    expect(await status()).toBe(401)
    expect(await status('Bearer the feed tokem')).toBe(401)
    expect(await status(`Bearer ${TOKEN}`)).toBe(200)
  })

  it('says when a gateway does not follow in time', async () => {
    const at = folder()
    const socketPath = join(at, 'c.sock')
    const { feed } = await control(socketPath)
    feed.load(entries('a'))
    // Connects, reads nothing, acknowledges nothing.
    const dead = request({ socketPath, path: '/feed?gateway=gateway-0&boot=b', headers: { authorization: `Bearer ${TOKEN}` } }, (res) =>
      res.pause(),
    )
    dead.on('error', () => undefined)
    dead.end()
    closers.push(() => dead.destroy())
    await expect.poll(() => feed.gateways().length).toBe(1)
    expect(await feed.acked(feed.update(entries('b')), 200)).toBe(false)
    expect(feed.gateways()[0]).toMatchObject({ status: 'behind' })
  })
})
