/**
 * The weights that are here: `<weights>/sha256/<hex>`, each with a sidecar `<hex>.json` that tells where it came from. A file under that
 * name is whole and was verified: nothing else is ever moved there.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../kernel/errors.ts'
import type { Home } from '../../kernel/home.ts'

export interface CachedWeights {
  readonly sha256: string
  readonly path: string
  readonly bytes: number
  /** The place that it came from. */
  readonly from: string
  /** ISO 8601. */
  readonly fetchedAt: string
  /** Name of the file at its place. */
  readonly name: string
}

type Sidecar = Omit<CachedWeights, 'sha256' | 'path'>

export const weightsFolder = (home: Home) => join(home.weights, 'sha256')
export const weightsPath = (home: Home, sha256: string) => join(weightsFolder(home), sha256)

export async function findCached(home: Home, sha256: string): Promise<CachedWeights | undefined> {
  const path = weightsPath(home, sha256)
  try {
    const { size } = await stat(path)
    const sidecar = await readSidecar(path)
    if (sidecar && sidecar.bytes !== size) return undefined // somebody cut it: fetched again
    return {
      sha256,
      path,
      ...(sidecar ?? { bytes: size, from: 'unknown', fetchedAt: new Date(0).toISOString(), name: sha256.slice(0, 12) }),
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

export async function listCached(home: Home): Promise<CachedWeights[]> {
  let names: string[]
  try {
    names = await readdir(weightsFolder(home))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
  const found = await Promise.all(names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => findCached(home, name)))
  return found.filter((one) => one !== undefined).sort((a, b) => a.name.localeCompare(b.name))
}

/** Written before the file is moved to its place, so that a file there always has it. */
export async function writeSidecar(home: Home, sha256: string, sidecar: Sidecar): Promise<void> {
  await mkdir(weightsFolder(home), { recursive: true, mode: 0o700 })
  const path = `${weightsPath(home, sha256)}.json`
  const file = await open(`${path}.${process.pid}.new`, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(sidecar)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.${process.pid}.new`, path)
}

export async function removeCached(home: Home, sha256: string): Promise<void> {
  await rm(weightsPath(home, sha256), { force: true })
  await rm(`${weightsPath(home, sha256)}.json`, { force: true })
}

/** Downloads that were never finished, with their sizes. */
export async function listParts(home: Home): Promise<{ path: string; bytes: number }[]> {
  const folder = join(home.weights, 'parts')
  const names = await readdir(folder).catch(() => [] as string[])
  return Promise.all(
    names
      .filter((name) => /\.part(\.package)?$/.test(name))
      .map(async (name) => ({ path: join(folder, name), bytes: (await stat(join(folder, name))).size })),
  )
}

async function readSidecar(path: string): Promise<Sidecar | undefined> {
  try {
    return JSON.parse(await readFile(`${path}.json`, 'utf8')) as Sidecar
  } catch {
    return undefined // lost or damaged: the file itself is named by its digest
  }
}
