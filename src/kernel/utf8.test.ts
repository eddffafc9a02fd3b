import { expect, test } from 'vitest'
import { decodeUtf8 } from './utf8.ts'

test.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), ''],
  ['one byte', Buffer.from('a'), 'a'],
  ['letters of all lengths', Buffer.from('aé€😀'), 'aé€😀'],
  ['a byte order mark', Buffer.from('\ufeffa: 1'), 'a: 1'],
  ['a U+FFFD that was written', Buffer.from('a\ufffdb'), 'a\ufffdb'],
])('reads %s', (_, bytes, text) => {
  expect(decodeUtf8(bytes)).toEqual({ text })
})

const latin1 = (text: string) => Buffer.from(text, 'latin1')
test.each<[string, Buffer, number, number, string]>([
  ['Latin-1', latin1('a: 1\r\nb: R\xe9pons\nc: \xe9'), 2, 5, '0xE9'],
  ['a letter that is cut off', Buffer.concat([Buffer.from('é: '), Buffer.from([0xef, 0xbf])]), 1, 4, '0xEF'],
  ['half of a surrogate pair', Buffer.from([0x61, 0xed, 0xa0, 0x80]), 1, 2, '0xED'],
  ['a bad byte behind a U+FFFD that was written', Buffer.concat([Buffer.from('\ufffd😀'), Buffer.from([0xff])]), 1, 4, '0xFF'],
  ['a bad byte behind a byte order mark', Buffer.concat([Buffer.from('\ufeffab'), Buffer.from([0x80])]), 1, 3, '0x80'],
])('refuses %s, and says where', (_, bytes, line, column, byte) => {
  expect(decodeUtf8(bytes)).toEqual({ fault: { line, column, message: `the byte ${byte} is not UTF-8; save the text as UTF-8` } })
})

const utf16 = (text: string) => Buffer.from(text, 'utf16le')
test.each<[string, Buffer]>([
  ['as PowerShell writes it', utf16('\ufeffkind: Route\r\n')],
  ['with its bytes the other way round', utf16('\ufeffkind: Route\r\n').swap16()],
  ['without a byte order mark', utf16('kind: Route')],
  ['the other way round and without one', utf16('kind: Route').swap16()],
])('names UTF-16 %s', (_, bytes) => {
  expect(decodeUtf8(bytes)).toMatchObject({
    fault: { line: 1, column: 1, message: expect.stringContaining('the text is UTF-16; save it as UTF-8') },
  })
})
