/**
 * `strata backup` and `restore`: the whole home as one tar.gz. Only while nothing runs on it: PGlite's files cannot be copied under a running
 * control without tearing them, so a backup takes the same lock as `strata up`, and either refuses the other in words.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'
import { type Home, homeAt } from '../../kernel/home.ts'
import { formatBytes } from '../../kernel/units.ts'
import { HOME_FORMAT, lockHome } from '../../supervisor/index.ts'
import { LiveLine, palette } from '../terminal.ts'

export async function backup(file: string, flags: { weights: boolean; force?: boolean }): Promise<void> {
  const home = homeAt()
  const target = resolve(file)
  if (!existsSync(home.root))
    throw new StrataError('not_found', `There is no home at ${home.root}.`, { advice: 'STRATA_HOME names another one.' })
  if (target.startsWith(home.root + sep))
    throw new StrataError('usage', 'A backup cannot lie in what it backs up.', { advice: 'Choose a file elsewhere.' })
  if (existsSync(target) && !flags.force)
    throw new StrataError('usage', `${target} is there already.`, { advice: 'Choose another name, or say --force.' })
  const line = new LiveLine()
  const owned = await lock(home, line)
  try {
    line.show(`Backing up ${home.root}`)
    const left = ['./run', './weights/parts', ...(flags.weights ? [] : ['./weights'])]
    const aside = `${target}.new`
    try {
      // macOS' tar adds a file of attributes to each file unless it is told not to.
      await tar(['-czf', aside, ...left.flatMap((path) => ['--exclude', path]), '-C', home.root, '.'], { COPYFILE_DISABLE: '1' })
      await chmod(aside, 0o600) // it holds the credentials
      await rename(aside, target)
    } finally {
      await rm(aside, { force: true })
    }
    line.done(`  ${palette().green('✓')} ${target}  ${formatBytes((await stat(target)).size)}`)
    if (process.env.STRATA_DATABASE_URL)
      console.log('  ! The PostgreSQL database of STRATA_DATABASE_URL is not in it: back that up with pg_dump.')
  } finally {
    line.done()
    owned.release()
  }
}

export async function restore(file: string, flags: { force?: boolean }): Promise<void> {
  const home = homeAt()
  const source = resolve(file)
  if (!existsSync(source)) throw new StrataError('not_found', `There is no file ${source}.`)
  const occupied = await isOccupied(home)
  if (occupied && !flags.force)
    throw new StrataError('refused', `${home.root} is in use by another state.`, {
      advice: 'With --force it is moved aside (nothing is deleted).',
    })
  const line = new LiveLine()
  const owned = occupied ? await lock(home, line) : undefined
  const fresh = `${home.root}.restoring`
  try {
    line.show(`Restoring ${home.root}`)
    await requireArchive(source)
    await rm(fresh, { recursive: true, force: true })
    await mkdir(fresh, { recursive: true, mode: 0o700 })
    await tar(['-xzf', source, '-C', fresh])
    await checkFormat(fresh, source)
    let aside: string | undefined
    if (existsSync(home.root)) {
      if (occupied) {
        aside = `${home.root}.before-restore-${new Date().toISOString().replace(/[:.]/g, '-')}`
        await rename(home.root, aside)
      } else await rm(home.root, { recursive: true })
    }
    await mkdir(dirname(home.root), { recursive: true })
    await rename(fresh, home.root)
    line.done(`  ${palette().green('✓')} ${home.root} is as it was in ${source}`)
    if (aside) console.log(`  The state before is in ${aside}`)
  } finally {
    line.done()
    owned?.release()
    await rm(fresh, { recursive: true, force: true })
  }
}

async function lock(home: Home, line: LiveLine) {
  try {
    return await lockHome(home, () => line.show('Waiting for processes of the last run, which are finishing'))
  } catch (error) {
    if (!(error instanceof StrataError) || error.code !== 'home_in_use') throw error
    throw new StrataError(error.code, error.message, { advice: 'Stop it first (Ctrl-C there), and start it again afterwards.' })
  }
}

/** gzip's first two bytes (RFC 1952, 2.3.1). */
async function requireArchive(source: string): Promise<void> {
  const begin = await firstTwo(source).catch((error: unknown) => {
    throw new StrataError('refused', `${source} cannot be read (${systemCode(error) ?? messageOf(error)}).`, { cause: error })
  })
  if (begin !== 0x1f8b)
    throw new StrataError('refused', `${source} is no archive that \`strata backup\` has made.`, { advice: 'Nothing was changed.' })
}

async function firstTwo(path: string): Promise<number> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer.readUInt16BE()
  } finally {
    await file.close()
  }
}

async function isOccupied(home: Home): Promise<boolean> {
  try {
    return (await readdir(home.root)).length > 0
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

async function checkFormat(folder: string, source: string): Promise<void> {
  const refuse = (what: string) => new StrataError('refused', `${source} ${what}.`, { advice: 'Nothing was changed.' })
  let format: unknown
  try {
    format = (JSON.parse(await readFile(join(folder, 'version'), 'utf8')) as { format?: unknown }).format
  } catch {
    throw refuse('is not a backup of a Strata home')
  }
  if (typeof format !== 'number') throw refuse('is not a backup of a Strata home')
  if (format > HOME_FORMAT) throw refuse(`was made by a newer Strata (format ${format}; this one knows ${HOME_FORMAT})`)
}

function tar(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  return new Promise((done, fail) => {
    execFile('tar', args, { env: { ...process.env, LC_ALL: 'C', ...env } }, (error, _stdout, stderr) => {
      if (!error) return done()
      if (systemCode(error) === 'ENOENT')
        return fail(new StrataError('failed', 'tar, which packs and unpacks backups, is not installed.', { advice: 'Install it first.' }))
      // The first line says what it is, the last one that it is not recoverable.
      const reason = stderr.trim().split('\n')[0] || error.message
      const writes = args[0] === '-czf'
      fail(
        new StrataError('failed', `${args[1]} could not be ${writes ? 'written' : 'read to its end'}: ${reason}.`, {
          advice: writes ? undefined : 'Is it whole? Nothing was changed.',
        }),
      )
    })
  })
}
