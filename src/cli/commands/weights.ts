/** `strata weights`: what is in the cache, bringing more, and making room. */
import { rm } from 'node:fs/promises'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import { homeAt, makeHome } from '../../kernel/home.ts'
import { takeLock } from '../../kernel/lock.ts'
import { formatAge, formatBytes } from '../../kernel/units.ts'
import type { Resource } from '../../resources/index.ts'
import { type CachedWeights, fetchWeights, listCached, listParts, removeCached } from '../../serving/weights/index.ts'
import { parsePlace } from '../../serving/weights/places.ts'
import { connectControl } from '../control-client.ts'
import { listResources } from '../resource-access.ts'
import { formatTable } from '../table.ts'
import { LiveLine, palette, progressText, RateMeter } from '../terminal.ts'

export async function listWeights(flags: { output?: string }): Promise<void> {
  const cached = await listCached(homeAt())
  if (flags.output === 'json') {
    console.log(JSON.stringify({ items: cached }, undefined, 2))
    return
  }
  if (cached.length === 0) {
    process.stderr.write('No weights here. `strata weights pull hf:owner/repo/file@revision` brings some.\n')
    return
  }
  const users = await versionsByDigest().catch(() => undefined) // Strata is not running: the column stays empty
  console.log(
    formatTable(
      cached,
      [
        { heading: 'NAME', value: (one) => one.name },
        { heading: 'SHA256', value: (one) => (flags.output === 'wide' ? one.sha256 : one.sha256.slice(0, 12)) },
        { heading: 'SIZE', value: (one) => formatBytes(one.bytes), align: 'right' },
        { heading: 'AGE', value: (one) => formatAge(Date.now() - Date.parse(one.fetchedAt)), align: 'right' },
        { heading: 'USED BY', value: (one) => users?.get(one.sha256)?.join(', ') ?? '' },
        { heading: 'FROM', value: (one) => one.from, wide: true },
      ],
      flags.output === 'wide',
    ),
  )
}

export async function pullWeights(places: readonly string[], flags: { sha256?: string }): Promise<void> {
  if (flags.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(flags.sha256))
    throw new StrataError('usage', '--sha256 takes 64 lower-case hexadecimal digits.')
  for (const place of places) checkPlace(place)
  const home = homeAt()
  makeHome(home)
  const line = new LiveLine()
  const rate = new RateMeter()
  const stop = new AbortController()
  const interrupt = () => stop.abort(new StrataError('interrupted', 'Stopped. The next pull goes on from here.'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  try {
    const fetched = await fetchWeights(
      { from: [...places], ...(flags.sha256 ? { sha256: flags.sha256 } : {}) },
      {
        home,
        signal: stop.signal,
        onProgress: ({ from, receivedBytes, totalBytes }) =>
          line.show(from, progressText(receivedBytes, totalBytes, rate.add(performance.now(), receivedBytes))),
      },
    )
    line.done(`  ${palette().green('✓')} ${fetched.from}  ${formatBytes(fetched.bytes)}`)
    // What a ModelVersion needs to say, ready to paste.
    console.log(`\n  weights:\n    sha256: ${fetched.sha256}\n    from: [${JSON.stringify(fetched.from)}]`)
  } finally {
    line.done()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}

/** One that names nothing is refused before anything is asked for. */
function checkPlace(place: string): void {
  try {
    parsePlace(place)
  } catch (error) {
    throw new StrataError('usage', messageOf(error))
  }
}

export async function removeWeights(names: readonly string[], flags: { force?: boolean }): Promise<void> {
  const home = homeAt()
  const cached = await listCached(home)
  const chosen = names.map((name) => choose(cached, name))
  const users = await usersUnlessForced(flags.force ?? false)
  for (const one of chosen) {
    const inUse = users?.get(one.sha256)
    if (inUse && !flags.force)
      throw new StrataError('in_use', `${one.name} is used by ${inUse.join(', ')}.`, {
        advice: 'With --force it goes all the same, and comes back by a new download.',
      })
    await removeCached(home, one.sha256)
    console.log(`− ${one.name}  ${formatBytes(one.bytes)}`)
  }
}

function choose(cached: readonly CachedWeights[], name: string): CachedWeights {
  const fitting = cached.filter((one) => one.name === name || (name.length >= 6 && one.sha256.startsWith(name)))
  if (fitting.length === 1) return fitting[0]!
  if (fitting.length > 1)
    throw new StrataError('usage', `"${name}" names ${fitting.length} files.`, { advice: 'Say the first digits of the sha256.' })
  throw new StrataError('not_found', `There are no weights "${name}" here.`, { advice: 'See `strata weights list`.' })
}

async function usersUnlessForced(force: boolean): Promise<Map<string, string[]> | undefined> {
  try {
    return await versionsByDigest()
  } catch (error) {
    if (force) return undefined
    if (error instanceof StrataError && error.code === 'not_running')
      throw new StrataError('not_running', 'Strata is not running, so nobody knows which weights are in use.', {
        advice: 'Start it, or say --force.',
      })
    throw error
  }
}

export async function collectWeights(flags: { all?: boolean; dryRun?: boolean }): Promise<void> {
  const home = homeAt()
  const users = flags.all ? new Map<string, string[]>() : await usersOrRefusal()
  const unused = (await listCached(home)).filter((one) => !users.has(one.sha256))
  let freed = 0
  for (const one of unused) {
    console.log(`− ${one.name}  ${one.sha256.slice(0, 12)}  ${formatBytes(one.bytes)}`)
    freed += one.bytes
    if (!flags.dryRun) await removeCached(home, one.sha256)
  }
  for (const part of await listParts(home)) {
    const lock = takeLock(`${part.path.replace(/\.package$/, '')}.lock`, { temporary: true })
    if (!('release' in lock)) continue // somebody writes it at the moment
    console.log(`− unfinished download  ${formatBytes(part.bytes)}`)
    freed += part.bytes
    if (!flags.dryRun) for (const path of [part.path, `${part.path}.json`]) await rm(path, { recursive: true, force: true })
    lock.release()
  }
  console.log(`${formatBytes(freed)} ${flags.dryRun ? 'would be freed' : 'freed'}.`)
}

async function usersOrRefusal(): Promise<Map<string, string[]>> {
  try {
    return await versionsByDigest()
  } catch (error) {
    if (error instanceof StrataError && error.code === 'not_running')
      throw new StrataError('not_running', 'Strata is not running, so nobody knows which weights are in use.', {
        advice: 'Start it, or say --all to remove all weights.',
      })
    throw error
  }
}

/** Digests that ModelVersions name, or have pinned at their first download, and by whom. */
async function versionsByDigest(): Promise<Map<string, string[]>> {
  const versions: Resource<'ModelVersion'>[] = await listResources(connectControl(), 'ModelVersion', undefined)
  const users = new Map<string, string[]>()
  for (const { metadata, spec, status } of versions) {
    if (spec.source.engine?.kind !== 'llama') continue
    const digest = spec.source.engine.weights.sha256 ?? status?.weights?.sha256
    if (digest) users.set(digest, [...(users.get(digest) ?? []), metadata.name])
  }
  return users
}
