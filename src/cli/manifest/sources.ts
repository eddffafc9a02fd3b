/** What `-f` names: files, folders and standard input, as bytes. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'

export interface Source {
  readonly file: string
  readonly bytes: Buffer
}

const MANIFEST = /\.(ya?ml|json)$/i

export async function readSources(
  names: readonly string[],
  recursive: boolean,
  stdin: AsyncIterable<Uint8Array> = process.stdin,
): Promise<Source[]> {
  const sources: Source[] = []
  for (const name of names) {
    if (name === '-') {
      const parts: Uint8Array[] = []
      for await (const part of stdin) parts.push(part)
      sources.push({ file: '<stdin>', bytes: Buffer.concat(parts) })
    } else if (/^https?:\/\//.test(name)) {
      throw new StrataError('usage', `-f takes files, folders and "-", not addresses.`, {
        advice: `Read it first: curl -fsS ${name} | strata apply -f -`,
      })
    } else sources.push(...(await readPath(name, recursive)))
  }
  return sources
}

async function readPath(path: string, recursive: boolean): Promise<Source[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ file: path, bytes: await readFile(path) }]
    const entries = await readdir(path, { withFileTypes: true, recursive })
    const files = entries
      .filter((entry) => entry.isFile() && MANIFEST.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
    if (files.length === 0)
      throw new StrataError(
        'usage',
        `${path} holds no .yaml, .yml or .json file.`,
        recursive ? {} : { advice: 'With -R its subfolders count too.' },
      )
    return Promise.all(files.map(async (file) => ({ file, bytes: await readFile(file) })))
  } catch (error) {
    if (error instanceof StrataError) throw error
    if (systemCode(error) === 'ENOENT') throw new StrataError('not_found', `There is no file or folder ${path}.`)
    throw new StrataError('failed', `${path} cannot be read: ${messageOf(error)}.`)
  }
}
