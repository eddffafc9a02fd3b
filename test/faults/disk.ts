/** A small disk of its own for a home: a tmpfs, which takes root to mount. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../../src/kernel/errors.ts'

export interface SmallDisk {
  readonly home: string
  /** Leaves nothing. */
  fill(): void
  free(): void
  readOnly(yes: boolean): void
  remove(): void
}

export const canMount = process.getuid?.() === 0 && process.platform === 'linux'

export function smallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'strata-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
  const filler = join(folder, 'filler')
  return {
    home: join(folder, 'home'),
    fill() {
      // Others write and free meanwhile: what is left in the end is what the last of them left.
      for (let i = 0; i < 3; i++) {
        const { bavail, bsize } = statfsSync(folder)
        try {
          if (bavail > 0) appendFileSync(filler, Buffer.alloc(bavail * bsize))
        } catch (error) {
          if (systemCode(error) !== 'ENOSPC') throw error
        }
      }
    },
    free: () => rmSync(filler, { force: true }),
    readOnly(yes) {
      // A file system with files that are open for writing is not remounted. So it is laid over itself: whoever opens a file now finds it so. It is made
      // read-only elsewhere, where nobody opens one in between.
      if (!yes) return void execFileSync('umount', ['-l', folder])
      const aside = mkdtempSync(join(tmpdir(), 'strata-disk-'))
      execFileSync('mount', ['--bind', folder, aside])
      execFileSync('mount', ['-o', 'remount,bind,ro', aside])
      execFileSync('mount', ['--bind', aside, folder])
      execFileSync('umount', [aside])
      rmdirSync(aside)
    },
    remove() {
      execFileSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true })
    },
  }
}
