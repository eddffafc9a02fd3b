/**
 * Puts together what the container image holds, in two folders, so that a new version of Strata is a small layer over the packages of the last:
 * `packages/node_modules`, what the program itself needs (not the console's build tools), and `program`, all the rest.
 * Run by `deploy/Dockerfile` in a clone that is set up: `node scripts/assemble-image.ts FOLDER`.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { prepareTemplate } from '../src/store/pglite.ts'
import { type LockFile, packagesNeeded } from './packages-needed.ts'

const root = join(import.meta.dirname, '..')
const PROGRAM = ['LICENSE', 'bin', 'console/dist', 'package.json', 'scripts/setup-node.mjs', 'src']

/** At the top of a package. Deeper down such a folder may well be code. */
const FOLDERS_LEFT_OUT = new Set(['.github', '__tests__', 'benchmark', 'benchmarks', 'docs', 'example', 'examples', 'test', 'tests'])
/** Source maps, type declarations, prose other than licences. */
const FILE_LEFT_OUT = /\.(map|d\.[cm]?ts|tsbuildinfo)$|^(?!licen[cs]e|notice).*\.(md|markdown)$/i
/** By their path in node_modules. */
const LEFT_OUT = [
  // llama.cpp's history, for those who compile it themselves: 34 MB.
  /^node-llama-cpp\/llama\/gitRelease\.bundle$/,
  // Builds for other machines, which npm installs beside ours for cross-compiling.
  new RegExp(`^@node-llama-cpp/(?!${process.platform}-${process.arch}$)[^/]+$`),
]

const [target] = process.argv.slice(2)
if (!target) throw new Error('Say where to: node scripts/assemble-image.ts FOLDER')
rmSync(target, { recursive: true, force: true })

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile
for (const path of packagesNeeded(lock, (path) => existsSync(join(root, path)))) copyPackage(path)
for (const path of PROGRAM) copy(path, join(target, 'program'), () => true)

// The empty database: a fresh home copies it instead of waiting for PostgreSQL to make one.
mkdirSync(join(root, '.runtime'), { recursive: true })
const database = await prepareTemplate()
if (database !== undefined) copy(relative(root, database), join(target, 'program'), () => true)

function copyPackage(path: string): void {
  const own = join(root, path)
  copy(path, join(target!, 'packages'), (source) => {
    const inPackage = relative(own, source)
    // A package inside of this one is on the list for itself, or is not needed.
    if (inPackage === 'node_modules') return false
    if (dirname(inPackage) === '.' && FOLDERS_LEFT_OUT.has(inPackage)) return false
    return !FILE_LEFT_OUT.test(basename(source)) && !LEFT_OUT.some((pattern) => pattern.test(relative(join(root, 'node_modules'), source)))
  })
}

function copy(path: string, to: string, filter: (source: string) => boolean): void {
  cpSync(join(root, path), join(to, path), { recursive: true, filter: (source) => filter(source) })
}
