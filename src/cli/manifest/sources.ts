/** What `-f` names: files, folders and standard input, as texts. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'

export interface SourceText {
  readonly file: string
  readonly text: string
}

const MANIFEST = /\.(ya?ml|json)$/i

export async function readSources(
  names: readonly string[],
  recursive: boolean,
  stdin: AsyncIterable<Uint8Array> = process.stdin,
): Promise<SourceText[]> {
  const sources: SourceText[] = []
  for (const name of names) {
    if (name === '-') {
      const parts: Uint8Array[] = []
      for await (const part of stdin) parts.push(part)
      sources.push({ file: '<stdin>', text: Buffer.concat(parts).toString('utf8') })
    } else if (/^https?:\/\//.test(name)) {
      throw new StrataError('usage', `-f takes files, folders and "-", not addresses.`, {
        advice: `Read it first: curl -fsS ${name} | strata apply -f -`,
      })
    } else sources.push(...(await readPath(name, recursive)))
  }
  return sources
}

async function readPath(path: string, recursive: boolean): Promise<SourceText[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ file: path, text: await readFile(path, 'utf8') }]
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
    return Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })))
  } catch (error) {
    if (error instanceof StrataError) throw error
    if (systemCode(error) === 'ENOENT') throw new StrataError('not_found', `There is no file or folder ${path}.`)
    throw new StrataError('failed', `${path} cannot be read: ${messageOf(error)}.`)
  }
}
