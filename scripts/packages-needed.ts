/** Which installed packages a program needs when it runs, as its lock file tells (docs.npmjs.com/cli/configuring-npm/package-lock-json). Pure. */

export interface LockFile {
  /** By path: '' is the project itself, 'node_modules/a/node_modules/b' a package inside of another. */
  readonly packages: Readonly<Record<string, LockedPackage>>
}

export interface LockedPackage {
  /** A link to a folder of the project. */
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/**
 * Paths of packages, in order: those of the project itself and of its packages, not those of its workspaces, not the links to its own folders.
 * `installed` says whether there is something at a path: what is optional may be missing. Throws when something else is.
 */
export function packagesNeeded(lock: LockFile, installed: (path: string) => boolean): string[] {
  const needed = new Set<string>()
  const visit = (from: string) => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = lock.packages[from] ?? {}
    // An optional peer is for those who want it, and who then name it themselves.
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => !peerDependenciesMeta?.[name]?.optional)
    for (const name of new Set([...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers])) {
      const path = find(lock, from, name)
      if (path !== undefined && (needed.has(path) || lock.packages[path]!.link)) continue
      if (path === undefined || !installed(path)) {
        if (name in (optionalDependencies ?? {})) continue
        throw new Error(`${name}, which ${from || 'the project'} needs, is not installed. Run \`npm ci\` first.`)
      }
      needed.add(path)
      visit(path)
    }
  }
  visit('')
  return [...needed].sort()
}

/** As Node looks for it: inside of the package, then beside it, then one level up, … */
function find(lock: LockFile, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (path in lock.packages) return path
    if (folder === '') return undefined
  }
}
