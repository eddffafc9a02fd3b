/**
 * The format of `STRATA_HOME`, in its file `version`. A newer program brings an older home up to date after copying the database aside;
 * an older program refuses a newer home, since it would write what the newer one no longer understands.
 */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StrataError, systemCode } from '../kernel/errors.ts'
import type { Home } from '../kernel/home.ts'

export const HOME_FORMAT = 1

/** `MIGRATIONS[n]` brings a home from format n to n + 1. */
export type HomeMigrations = Readonly<Record<number, (home: Home) => void>>
const MIGRATIONS: HomeMigrations = {}

/** Makes the home's format ours. Returns where the old database was copied to, if there was something to migrate. */
export function bringHomeUpToDate(
  home: Home,
  ours = HOME_FORMAT,
  migrations = MIGRATIONS,
): { migratedFrom: number; copy?: string } | undefined {
  const found = readFormat(home)
  if (found === ours) return undefined
  if (found === undefined) {
    writeFormat(home, ours)
    return undefined
  }
  if (found > ours)
    throw new StrataError('home_too_new', `${home.root} was written by a newer Strata (format ${found}; this one knows ${ours}).`, {
      advice: 'Update Strata, or set STRATA_HOME to another folder.',
    })
  const copy = existsSync(home.database) ? `${home.database}.before-format-${found + 1}` : undefined
  if (copy && !existsSync(copy)) {
    // Copied under another name first: a copy that a power cut left half-made must not pass for a whole one.
    rmSync(`${copy}.new`, { recursive: true, force: true })
    cpSync(home.database, `${copy}.new`, { recursive: true, preserveTimestamps: true })
    renameSync(`${copy}.new`, copy)
  }
  for (let format = found; format < ours; format++) {
    const migrate = migrations[format]
    if (!migrate) throw new StrataError('home_unknown', `No way leads from format ${format} of ${home.root} to ${format + 1}.`)
    migrate(home)
    writeFormat(home, format + 1)
  }
  return copy ? { migratedFrom: found, copy } : { migratedFrom: found }
}

function readFormat(home: Home): number | undefined {
  const path = join(home.root, 'version')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const { format } = JSON.parse(text) as { format?: unknown }
    if (typeof format === 'number' && Number.isInteger(format) && format >= 0) return format
  } catch {
    // not JSON: the error below says so
  }
  throw new StrataError('home_unknown', `${path} does not say which format the home has.`, {
    advice: 'Restore the file from a backup ({"format":1}), or set STRATA_HOME to another folder.',
  })
}

function writeFormat(home: Home, format: number): void {
  const path = join(home.root, 'version')
  writeFileSync(`${path}.new`, `${JSON.stringify({ format })}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
