import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StrataError } from '../../src/kernel/errors.ts'
import { type Home, homeAt, makeHome } from '../../src/kernel/home.ts'
import { type FetchOptions, fetchWeights } from '../../src/serving/weights/index.ts'
import { nodeFlags } from '../harness/system.ts'
import { type HostileServer, hostileServer } from './hostile-server.ts'

const MEGABYTE = 1_000_000
const content = randomBytes(3 * MEGABYTE)
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const sha256 = digest(content)

let home: Home
let server: HostileServer
beforeEach(async () => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'strata-weights-')))
  makeHome(home)
  server = await hostileServer(content)
})
afterEach(async () => {
  await server.close()
  rmSync(home.root, { recursive: true })
})

const place = (path = '/model.gguf') => `${server.url}${path}`
const fetch_ = (from: string[], options: Partial<FetchOptions> & { sha256?: string } = {}) => {
  const { sha256: pinned, ...rest } = options
  return fetchWeights({ from, ...(pinned ? { sha256: pinned } : {}) }, { home, connectTimeoutMs: 5_000, idleTimeoutMs: 20_000, ...rest })
}
const refused = async (work: Promise<unknown>): Promise<StrataError> => {
  try {
    await work
  } catch (error) {
    return error as StrataError
  }
  throw new Error('it was not refused')
}
const cached = () => (existsSync(join(home.weights, 'sha256')) ? readdirSync(join(home.weights, 'sha256')).sort() : [])
const parts = () =>
  existsSync(join(home.weights, 'parts')) ? readdirSync(join(home.weights, 'parts')).filter((name) => name.endsWith('.part')) : []

test('a file is brought, verified, moved into place whole, and not brought again', async () => {
  const seen: number[] = []
  const got = await fetch_([place()], {
    sha256,
    onProgress: ({ receivedBytes, totalBytes }) => {
      seen.push(receivedBytes)
      expect(totalBytes).toBe(content.length)
    },
  })
  expect(got).toEqual({ path: join(home.weights, 'sha256', sha256), sha256, bytes: content.length, from: place() })
  expect(readFileSync(got.path).equals(content)).toBe(true)
  expect(statSync(got.path).mode & 0o222).toBe(0)
  expect(JSON.parse(readFileSync(`${got.path}.json`, 'utf8'))).toMatchObject({ from: place(), bytes: content.length, name: 'model.gguf' })
  expect(seen.at(-1)).toBe(content.length)
  expect(parts()).toEqual([])
  await fetch_([place()], { sha256 })
  expect(server.requests).toHaveLength(1)
})

test('without a pinned digest the first download pins it: it is not brought again', async () => {
  expect((await fetch_([place()])).sha256).toBe(sha256)
  server.content = Buffer.from('another')
  expect((await fetch_([place()])).sha256).toBe(sha256)
  expect(server.requests).toHaveLength(1)
})

describe('cut off', () => {
  test('it goes on where it was, with Range and If-Range', async () => {
    server.script = [{ type: 'cut', after: MEGABYTE }, { type: 'cut', after: MEGABYTE }, { type: 'good' }]
    await fetch_([place()], { sha256 })
    const [first, second, third] = server.requests
    expect(first!.headers.range).toBeUndefined()
    expect(Number(/bytes=(\d+)-/.exec(second!.headers.range!)![1])).toBeGreaterThan(0)
    expect(Number(/bytes=(\d+)-/.exec(third!.headers.range!)![1])).toBeGreaterThan(Number(/bytes=(\d+)-/.exec(second!.headers.range!)![1]))
    expect(second!.headers['if-range']).toMatch(/^"/)
  })

  test('a server that ignores ranges sends it all once more', async () => {
    server.script = [{ type: 'cut', after: MEGABYTE }, { type: 'ignoresRange' }]
    expect((await fetch_([place()], { sha256 })).bytes).toBe(content.length)
  })

  test('a file that changed meanwhile starts over', async () => {
    server.script = [{ type: 'cut', after: MEGABYTE }, { type: 'good' }]
    const changed = randomBytes(2 * MEGABYTE)
    const work = fetch_([place()])
    while (server.requests.length === 0) await sleep(5)
    server.content = changed
    expect((await work).sha256).toBe(digest(changed))
  })

  test('the same without a validator: the digest finds it out, and the whole is brought', async () => {
    server.withoutValidator = true
    server.script = [{ type: 'cut', after: MEGABYTE }, { type: 'good' }]
    const changed = randomBytes(content.length)
    const work = fetch_([place()], { sha256: digest(changed) })
    while (server.requests.length === 0) await sleep(5)
    server.content = changed
    expect((await work).sha256).toBe(digest(changed))
    expect(server.requests.map(({ headers }) => headers.range !== undefined)).toEqual([false, true, false])
  })

  test('again and again without anything new: given up, the part is kept', async () => {
    server.script = [
      { type: 'cut', after: MEGABYTE },
      { type: 'cut', after: 0 },
    ]
    const error = await refused(fetch_([place()], { sha256 }))
    expect(error.code).toBe('weights_unavailable')
    expect(error.message).toMatch(/http: (the connection was cut|the connection ended)/)
    expect(parts()).toHaveLength(1)
    server.script = [{ type: 'good' }]
    await fetch_([place()], { sha256 })
    expect(server.requests.at(-1)!.headers.range).toMatch(/^bytes=[1-9]/)
  })
})

describe('a server that lies', () => {
  test('about the bytes: both digests are said, nothing is left', async () => {
    server.content = randomBytes(1000)
    const error = await refused(fetch_([place()], { sha256 }))
    expect(error.message).toBe(
      `No place had the weights model.gguf (http: the file has sha256 ${digest(server.content)}, expected ${sha256}).`,
    )
    expect(cached()).toEqual([])
    expect(parts()).toEqual([])
  })

  test('about the length, too long: it is told as cut', async () => {
    server.script = [{ type: 'length', announced: content.length + 100 }]
    const error = await refused(fetch_([place()]))
    // What it is told as depends on whether the last bytes or the end of the connection were seen first.
    expect(error.message).toMatch(
      /fewer than the 3000100 bytes|3000000 bytes now, and said 3000100 before|the connection (was cut|ended after)|another length/,
    )
    expect(cached()).toEqual([])
  })

  test('about the length, too short: the file is not taken for whole', async () => {
    server.script = [{ type: 'length', announced: content.length - 100 }]
    const error = await refused(fetch_([place()], { sha256 }))
    expect(error.code).toBe('weights_unavailable')
    expect(cached()).toEqual([])
  })

  test('about the range', async () => {
    server.script = [{ type: 'cut', after: MEGABYTE }, { type: 'wrongRange' }]
    expect((await refused(fetch_([place()], { sha256 }))).message).toContain('the server sent another part than the one asked for')
  })

  test('with no length and no digest to check it by', async () => {
    server.script = [{ type: 'noLength' }]
    expect((await refused(fetch_([place()]))).message).toContain('no sha256 is pinned')
    expect((await fetch_([place()], { sha256 })).bytes).toBe(content.length)
  })

  test('by compressing', async () => {
    server.script = [{ type: 'compresses' }]
    expect((await refused(fetch_([place()], { sha256 }))).message).toContain('the server compresses (gzip)')
  })
})

describe('places are tried in order', () => {
  test('the next one serves when the first cannot; each reason is said', async () => {
    server.script = [{ type: 'status', status: 404 }, { type: 'good' }]
    const got = await fetch_([place('/gone'), place('/there')], { sha256 })
    expect(got.from).toBe(place('/there'))

    server.script = [{ type: 'status', status: 503 }]
    const error = await refused(fetch_(['nowhere:x', place('/a'), 'file:/does/not/exist'], { sha256: digest(Buffer.from('x')) }))
    expect(error.details).toEqual([
      { place: 'nowhere:x', reason: expect.stringContaining('names no place') },
      { place: place('/a'), reason: 'HTTP 503' },
      { place: 'file:/does/not/exist', reason: 'there is no /does/not/exist' },
    ])
  })

  test('one that falls silent costs its time-out, not more', async () => {
    const silent = await hostileServer(content)
    silent.script = [{ type: 'hang', after: 0 }]
    const since = performance.now()
    const got = await fetch_([`${silent.url}/x`, place()], { sha256, idleTimeoutMs: 500 })
    expect(got.from).toBe(place())
    expect(performance.now() - since).toBeLessThan(8_000)
    await silent.close()
  })

  test('a server that falls silent in the middle is asked again and goes on', async () => {
    server.script = [{ type: 'hang', after: MEGABYTE }, { type: 'good' }]
    await fetch_([place()], { sha256, idleTimeoutMs: 1_000 })
    expect(server.requests[1]!.headers.range).toMatch(/^bytes=[1-9]/)
  })

  test('redirects are followed, and the token of one host is not told to the other', async () => {
    const other = await hostileServer(content)
    server.script = [{ type: 'redirect', to: `${other.url}/cdn` }]
    process.env.HF_ENDPOINT = server.url
    process.env.HF_TOKEN = 'hf_secret'
    try {
      await fetch_(['hf:owner/repo/folder/model.gguf@main'], { sha256 })
    } finally {
      delete process.env.HF_ENDPOINT
      delete process.env.HF_TOKEN
    }
    expect(server.requests[0]).toMatchObject({
      url: '/owner/repo/resolve/main/folder/model.gguf',
      headers: { authorization: 'Bearer hf_secret' },
    })
    expect(other.requests[0]!.headers.authorization).toBeUndefined()
    await other.close()
  })

  test('a file is copied, not linked: who writes over it changes nothing here', async () => {
    const original = join(home.root, 'own model.gguf')
    writeFileSync(original, content)
    const got = await fetch_([`file:${original}`])
    writeFileSync(original, 'changed')
    expect(readFileSync(got.path).equals(content)).toBe(true)
  })
})

test('STRATA_OFFLINE=1: only what is here, said in words; nobody is asked', async () => {
  process.env.STRATA_OFFLINE = '1'
  try {
    const error = await refused(fetch_([place()], { sha256 }))
    expect(error.message).toBe('The weights model.gguf are not in the cache, and STRATA_OFFLINE=1 allows no download.')
    expect(server.requests).toEqual([])
    const original = join(home.root, 'm.gguf')
    writeFileSync(original, content)
    await fetch_([place(), `file:${original}`], { sha256 })
    await fetch_([place()], { sha256 })
    expect(server.requests).toEqual([])
  } finally {
    delete process.env.STRATA_OFFLINE
  }
})

test('stopping leaves only a part that can be continued', async () => {
  server.script = [{ type: 'hang', after: MEGABYTE }, { type: 'good' }]
  const stop = new AbortController()
  const work = fetch_([place()], { sha256, signal: stop.signal, idleTimeoutMs: 30_000 })
  await refusedAfter(() => parts().length > 0 && statSync(join(home.weights, 'parts', parts()[0]!)).size === MEGABYTE)
  stop.abort(new Error('enough'))
  await expect(work).rejects.toThrow('enough')
  expect(cached()).toEqual([])
  await fetch_([place()], { sha256 })
  expect(server.requests.at(-1)!.headers.range).toBe(`bytes=${MEGABYTE}-`)
})

async function refusedAfter(holds: () => boolean): Promise<void> {
  for (let i = 0; !holds(); i++) {
    if (i > 400) throw new Error('it never came to that')
    await sleep(10)
  }
}

/** A process of its own that fetches, as a second `strata` would. */
function fetcher(): ChildProcess {
  const index = join(import.meta.dirname, '../../src/serving/weights/index.ts')
  const script = `import { fetchWeights } from ${JSON.stringify(index)}
    import { homeAt } from ${JSON.stringify(join(import.meta.dirname, '../../src/kernel/home.ts'))}
    const got = await fetchWeights({ sha256: ${JSON.stringify(sha256)}, from: [${JSON.stringify(place())}] }, { home: homeAt(${JSON.stringify(home.root)}), idleTimeoutMs: 20000 })
    console.log(got.sha256)`
  return spawn(process.execPath, [...nodeFlags, '--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
}
const result = (child: ChildProcess) =>
  new Promise<string>((done) => {
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => (text += chunk))
    child.once('close', () => done(text.trim()))
  })

test('two processes that fetch the same thing bring it once', async () => {
  const [a, b] = await Promise.all([result(fetcher()), result(fetcher())])
  expect([a, b]).toEqual([sha256, sha256])
  expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined])
})

test('one that is killed leaves a part, and one that waited for it goes on from there', async () => {
  server.script = [{ type: 'hang', after: 2 * MEGABYTE }, { type: 'good' }]
  const first = fetcher()
  await refusedAfter(() => parts().length > 0 && statSync(join(home.weights, 'parts', parts()[0]!)).size === 2 * MEGABYTE)
  const second = result(fetcher())
  await sleep(500)
  first.kill('SIGKILL')
  expect(await second).toBe(sha256)
  expect(server.requests).toHaveLength(2)
  expect(server.requests[1]!.headers.range).toBe(`bytes=${2 * MEGABYTE}-`)
})
