/** `npm run generate` writes what is derived from the schemas; with --check it writes nothing and fails when a file is stale. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedFiles } from './reference/index.ts'

const root = join(import.meta.dirname, '..')
const check = process.argv.includes('--check')

const stale = [...generatedFiles()].filter(([path, text]) => read(join(root, path)) !== text)
if (check) {
  for (const [path] of stale) console.error(`${path} is stale`)
  if (stale.length > 0) {
    console.error('Run `npm run generate` and commit what it writes.')
    process.exitCode = 1
  }
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not there yet: stale
  }
}
