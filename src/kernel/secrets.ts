/**
 * Secrets are named, by a variable or a file of the process that uses them, and read when they are used: whoever changes one restarts nothing.
 *
 * Who may write a manifest chooses the name and where the secret is sent. So Strata's own are nobody's to name: neither its variables nor the files of
 * its home; or an editor would be an admin by way of a backend at an address of their own.
 */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { messageOf, systemCode } from './errors.ts'
import { homeAt } from './home.ts'

export type SecretPlace = { readonly env: string } | { readonly file: string }

/** More is no secret, but a mistake. */
const MOST_BYTES = 64 * 1024

/** Without white space at a file's ends; may be empty. Throws where it is not to be had, in words that say where it should be, never what it is. */
export function readSecret(place: SecretPlace, home: string = homeAt().root): string {
  if ('env' in place) {
    if (place.env.startsWith('STRATA_')) throw new Error(`${place.env} is a variable of Strata itself`)
    const value = process.env[place.env]
    if (value === undefined) throw new Error(`the environment variable ${place.env} is not set`)
    return value
  }
  if (isWithin(place.file, home)) throw new Error(`${place.file} lies in Strata's own home`)
  return contentOf(place.file).trim()
}

function contentOf(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)) // a pipe without a writer would hold the process up
    if (!fstatSync(file).isFile()) throw new Error('no plain file')
    const buffer = Buffer.alloc(MOST_BYTES + 1)
    const bytes = readSync(file, buffer, 0, buffer.length, 0)
    if (bytes > MOST_BYTES) throw new Error('more than 64 KiB')
    return buffer.toString('utf8', 0, bytes)
  } catch (cause) {
    throw new Error(`the file ${path} cannot be read (${systemCode(cause) ?? messageOf(cause)})`, { cause })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function isWithin(path: string, folder: string): boolean {
  const between = relative(realPath(folder), realPath(path))
  return !between.startsWith('..') && !isAbsolute(between)
}

/** What does not exist is nobody's secret. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
