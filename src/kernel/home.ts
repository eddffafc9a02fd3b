import { mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { socketPath } from './address.ts'
import { StrataError, systemCode } from './errors.ts'

/** Every place below `STRATA_HOME`, named once. The home holds all state of one system; it is 0700. */
export interface Home {
  readonly root: string
  /** API key, console token and addresses, 0600. */
  readonly credentials: string
  /** PGlite's files. Opened by `control` alone. */
  readonly database: string
  /** Content-addressed weights: `<weights>/sha256/<hex>`. */
  readonly weights: string
  /** Request record segments, a folder a gateway. */
  readonly records: string
  /** One log file a process. */
  readonly logs: string
  /** Last good snapshots, a file a gateway. */
  readonly snapshots: string
  /** Sockets, locks and what else dies with the processes. */
  readonly run: string
  /** A private Unix socket of this home, e.g. "control", "supervisor", "gateway-0", "engine-assistant-v1-0". */
  socket(name: string): string
}

export function homeAt(root = process.env.STRATA_HOME || join(homedir(), '.strata')): Home {
  const at = resolve(root)
  const run = join(at, 'run')
  return {
    root: at,
    credentials: join(at, 'credentials'),
    database: join(at, 'db'),
    weights: join(at, 'weights'),
    records: join(at, 'records'),
    logs: join(at, 'logs'),
    snapshots: join(at, 'snapshots'),
    run,
    socket: (name) => socketPath(run, name),
  }
}

/** Makes the folders that every process may count on. Throws a StrataError `no_folder` where none can be. */
export function makeHome(home: Home): void {
  for (const folder of [home.root, home.weights, home.records, home.logs, home.snapshots, home.run]) {
    try {
      makeFolder(folder)
    } catch (error) {
      throw folderProblem(error, folder) ?? error
    }
  }
}

function folderProblem(error: unknown, folder: string): StrataError | undefined {
  const why: Record<string, string> = {
    EEXIST: 'something that is no folder has that name',
    ENOTDIR: 'something above it is no folder',
    ENOENT: 'nothing can be made there',
    ENAMETOOLONG: 'the name is too long',
  }
  const words = why[systemCode(error) ?? '']
  return words === undefined
    ? undefined
    : new StrataError('no_folder', `The folder ${folder} cannot be made: ${words}.`, {
        advice: 'Set STRATA_HOME to another one.',
        cause: error,
      })
}

/** As `mkdir -p`. Node's own `recursive` says ENOENT, of all things, where a file system is mounted read-only. */
function makeFolder(folder: string, hasParent = false): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
    if (systemCode(error) !== 'ENOENT' || hasParent || dirname(folder) === folder) throw error
    makeFolder(dirname(folder))
    makeFolder(folder, true)
  }
}
