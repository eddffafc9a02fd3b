/**
 * A download that is not finished: `<weights>/parts/<id>.part` and its sidecar, which says what the bytes are a part of. All that a kill
 * leaves behind is such a part, and the next attempt goes on from it. The lock makes sure that one process writes it.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StrataError, systemCode } from '../../kernel/errors.ts'
import { sha256Hex } from '../../kernel/ids.ts'
import { takeLock } from '../../kernel/lock.ts'
import { formatBytes } from '../../kernel/units.ts'

/** What the server said about the file that the part is of. */
export interface PartOrigin {
  readonly url: string
  /** Strong ETag or Last-Modified, for `If-Range`. */
  readonly validator?: string
  readonly totalBytes?: number
}

/** The disk is full, or will be: no other place helps. */
export class DiskFull extends StrataError {
  constructor(folder: string, needed: string) {
    super('disk_full', `The disk of ${folder} is full (${needed}).`, { advice: 'Free some space (`strata weights gc`), then try again.' })
  }
}

export class Part {
  readonly path: string
  received = 0
  /** Bytes of an earlier attempt are in it, and what they are of is the server's word. */
  resumed = false
  #handle: FileHandle | undefined
  #hash: Hash = createHash('sha256')
  readonly #release: () => void

  private constructor(path: string, release: () => void) {
    this.path = path
    this.#release = release
  }

  /** Opens the part of `place`. Waits while another process writes it; `onWait` gets what that one has so far. */
  static async open(weightsFolder: string, place: string, signal: AbortSignal | undefined, onWait: (bytes: number) => void): Promise<Part> {
    const folder = join(weightsFolder, 'parts')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, `${sha256Hex(place).slice(0, 32)}.part`)
    for (;;) {
      signal?.throwIfAborted()
      const lock = takeLock(`${path}.lock`, { temporary: true })
      if ('release' in lock) return new Part(path, () => lock.release())
      onWait(await sizeOf(path))
      await sleep(300, undefined, { signal })
    }
  }

  async origin(): Promise<PartOrigin | undefined> {
    try {
      return JSON.parse(await readFile(`${this.path}.json`, 'utf8')) as PartOrigin
    } catch {
      return undefined // none yet, or cut by a crash: then the part is of unknown origin and starts over
    }
  }

  async size(): Promise<number> {
    return sizeOf(this.path)
  }

  /** Starts over: an empty part of `origin`. */
  async begin(origin: PartOrigin | undefined): Promise<void> {
    await this.#handle?.close()
    this.#handle = await noting(this.path, () => open(this.path, 'w', 0o600))
    this.#hash = createHash('sha256')
    this.received = 0
    this.resumed = false
    if (origin) await noting(this.path, () => writeFile(`${this.path}.json`, JSON.stringify(origin), { mode: 0o600 }))
    else await rm(`${this.path}.json`, { force: true })
  }

  /** Goes on after what is there. Reads it once, for the hash. */
  async resume(signal?: AbortSignal): Promise<void> {
    await this.#handle?.close()
    this.#hash = createHash('sha256')
    this.received = 0
    for await (const chunk of createReadStream(this.path, { signal })) {
      this.#hash.update(chunk as Buffer)
      this.received += (chunk as Buffer).length
    }
    this.resumed ||= this.received > 0
    this.#handle = await open(this.path, 'a', 0o600)
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk)
    await noting(this.path, () => this.#handle!.writeFile(chunk))
    this.received += chunk.length
  }

  /** The digest of everything written; the part takes no more afterwards until `begin` or `resume`. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Moves the part to its place, whole: file and folder are on the disk before anybody can see it. */
  async moveTo(target: string): Promise<void> {
    await noting(this.path, () => this.#handle!.sync())
    await this.#handle!.chmod(0o444)
    await this.#handle!.close()
    this.#handle = undefined
    await rename(this.path, target)
    await syncFolder(dirname(target))
    await rm(`${this.path}.json`, { force: true })
  }

  async discard(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    await rm(this.path, { force: true })
    await rm(`${this.path}.json`, { force: true })
  }

  /** Lets others at it. What was received stays. */
  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    this.#release()
  }
}

/** Throws `DiskFull` when the file system of `folder` cannot take `bytes` more. */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (bytes > free) throw new DiskFull(folder, `${formatBytes(bytes)} needed, ${formatBytes(free)} free`)
}

async function noting<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new DiskFull(dirname(path), code === 'EDQUOT' ? 'the quota is used up' : 'no space left')
    throw error
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
