import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface LockedPackage {
  os?: string[]
  cpu?: string[]
  libc?: string[]
  resolved?: string
  link?: boolean
  optionalDependencies?: Record<string, string>
}
const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, LockedPackage>
}
const runtimeLock = readFileSync(new URL('../../scripts/runtime/package-lock.json', import.meta.url), 'utf8')

/** Where npm would find `name` from the package at `from`. */
function find(from: string, name: string): string | undefined {
  for (let base = from; ; base = base.includes('/node_modules/') ? base.slice(0, base.lastIndexOf('/node_modules/')) : '') {
    const at = `${base === '' ? '' : `${base}/`}node_modules/${name}`
    if (packages[at]) return at
    if (base === '') return undefined
  }
}

const PLATFORMS = ['linux', 'darwin', 'win32'].flatMap((os) => ['x64', 'arm64'].map((cpu) => [os, cpu] as const))

describe('the lock file', () => {
  it('holds every optional package that a package names', () => {
    const missing = Object.entries(packages).flatMap(([at, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {})
        .filter((name) => !find(at, name))
        .map((name) => `${at} → ${name}`),
    )
    expect(missing).toEqual([])
  })

  // What comes as a build for each platform, and by which prefix its builds are named.
  it.each(['@node-llama-cpp/', '@rolldown/binding-', '@typescript/typescript-', '@biomejs/cli-', 'lightningcss-'])(
    'has a build of %s* for every platform',
    (prefix) => {
      const builds = Object.entries(packages).filter(([at, { os }]) => at.startsWith(`node_modules/${prefix}`) && os)
      const without = PLATFORMS.filter(([os, cpu]) => !builds.some(([, build]) => build.os?.includes(os) && build.cpu?.includes(cpu)))
      expect(without).toEqual([])
    },
  )

  it('names no place that packages came from but folders of this repository', () => {
    const places = Object.values(packages).flatMap(({ resolved }) => (resolved === undefined ? [] : [resolved]))
    expect(places.filter((place) => place !== 'console' && !place.startsWith('scripts/'))).toEqual([])
    expect(runtimeLock).not.toContain('"resolved"')
  })
})
