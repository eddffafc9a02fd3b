/** What the console weighs on the wire: all of its pages together, and what has to come before the first one is seen. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'

const DIST = join(import.meta.dirname, '..', '..', 'console', 'dist')
const MOST_BYTES = 400 * 1024

const zipped = (file: string) => gzipSync(readFileSync(join(DIST, file))).byteLength
const sum = (files: readonly string[]) => files.reduce((bytes, file) => bytes + zipped(file), 0)

describe('the built console', () => {
  const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(js|css|html|svg|woff2?)$/.test(file))

  it('has a file for each page, so that none pays for another', () => {
    for (const page of [
      'overview',
      'playground',
      'requests',
      'models',
      'backends',
      'routes',
      'releases',
      'consumers',
      'limits',
      'settings',
    ])
      expect(files.filter((file) => new RegExp(`^assets/${page}-[\\w-]+\\.js$`).test(file))).toHaveLength(1)
  })

  it('weighs at most 400 KB, compressed and with all pages', () => {
    expect(sum(files)).toBeGreaterThan(50 * 1024)
    expect(sum(files)).toBeLessThanOrEqual(MOST_BYTES)
  })

  it('asks for at most half of that before the frame is there', () => {
    const page = readFileSync(join(DIST, 'index.html'), 'utf8')
    const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, file]) => file!)
    expect(first.length).toBeGreaterThanOrEqual(2)
    expect(sum(first)).toBeLessThanOrEqual(MOST_BYTES / 2)
  })
})
