import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMessage, encodeMessage, MESSAGES, type Message, type MessageName } from './model-service.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)

/** Any message of the table; an empty list is the same as none on the wire. */
function anyMessage(name: MessageName): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries<readonly [number, string, string?]>(MESSAGES[name]).map(([field, [, holds, list]]) => {
    const one = anyValue(holds)
    return [field, list ? fc.array(one, { minLength: 1, maxLength: 4 }) : one] as const
  })
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] }).map((message) => ({ ...message }))
}

function anyValue(holds: string): fc.Arbitrary<unknown> {
  if (holds === 'string') return fc.string({ unit: 'grapheme' })
  if (holds === 'int64') return int64
  if (holds === 'uint32') return fc.integer({ min: 0, max: 2 ** 32 - 1 })
  if (holds === 'enum') return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  return anyMessage(holds as MessageName)
}

const NAMES = Object.keys(MESSAGES) as MessageName[]
const anyNamed = fc.constantFrom(...NAMES).chain((name) => anyMessage(name).map((message) => ({ name, message })))

describe('protobuf', () => {
  it('is written as protoc writes it', () => {
    const request: Message<'ReloadConfigRequest'> = {
      config: {
        model_config_list: {
          config: [
            {
              name: 'm',
              base_path: '/b',
              model_platform: 'tensorflow',
              model_version_policy: { specific: { versions: ['1', '300'] } },
              version_labels: [{ key: 'a', value: '300' }],
            },
          ],
        },
      },
    }
    expect(encodeMessage('ReloadConfigRequest', request).toString('hex')).toBe(
      bytes('0a29 0a27 0a25 0a016d 12022f62 220a74656e736f72666c6f77 3a08 b20605 0a0301ac02 4206 0a0161 10ac02').toString('hex'),
    )
    expect(encodeMessage('ReloadConfigRequest', { config: { model_config_list: {} } })).toEqual(bytes('0a02 0a00'))
    expect(encodeMessage('ModelConfig.VersionLabelsEntry', { value: '-1' })).toEqual(bytes('10 ffffffffffffffffff01'))
  })

  it('reads what it wrote, whatever it is', () => {
    fc.assert(
      fc.property(anyNamed, ({ name, message }) => {
        expect(decodeMessage(name, encodeMessage(name, message))).toEqual(message)
      }),
    )
  })

  it('skips what it does not know, or comes in another wire type', () => {
    const unknown = fc.oneof(
      fc.constant(bytes('f80701')), // 127: a varint
      fc.constant(bytes('f907 0102030405060708')),
      fc.constant(bytes('fd07 01020304')),
      fc.constant(bytes('fa07 03 ffffff')),
      fc.constant(bytes('0d 01020304')), // 1, which is a message, a string or a number in each: four bytes
    )
    fc.assert(
      fc.property(anyNamed, unknown, unknown, ({ name, message }, before, after) => {
        expect(decodeMessage(name, Buffer.concat([before, encodeMessage(name, message), after]))).toEqual(message)
      }),
    )
  })

  it('numbers in a list may be packed or not, and the last of several counts', () => {
    const specific = 'FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific'
    expect(decodeMessage(specific, bytes('0801 0a02 0203 0804'))).toEqual({ versions: ['1', '2', '3', '4'] })
    expect(decodeMessage('StatusProto', bytes('0801 0802 1201 61 1200'))).toEqual({ error_code: 2, error_message: '' })
    expect(decodeMessage('ReloadConfigResponse', bytes('0a02 0805 0a03 1201 61'))).toEqual({
      status: { error_code: 5, error_message: 'a' },
    })
  })

  it.each([
    ['a number that never ends', 'ffffffffffffffffffff01', 'more than ten bytes'],
    ['an end inside of a number', '08 80', 'ends inside of a number'],
    ['an end after a field’s number', '08', 'ends inside of a number'],
    ['more bytes than are there', '0a05 00', '5 bytes should follow, and 1 do'],
    ['more bytes than there can be', '0a ffffffffffffffffff01', '18446744073709552000 bytes should follow, and 0 do'],
    ['too few fixed bytes', 'f907 00', '8 bytes should follow, and 1 do'],
    ['a field 0', '0000', 'a field number 0'],
    ['a group', 'fb07', 'a field of wire type 3'],
    ['wire type 7', '0f', 'a field of wire type 7'],
    ['more inside than outside', '0a02 0a05', '5 bytes should follow, and 0 do'],
  ])('%s is refused', (_, hex, why) => {
    expect(() => decodeMessage('GetModelStatusResponse', bytes(hex))).toThrow(
      expect.objectContaining({ code: 'invalid_protobuf', message: expect.stringContaining(why) }),
    )
  })

  it('any bytes are read or refused, and nothing else happens', () => {
    const damaged = fc
      .tuple(anyNamed, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
      .map(([{ name, message }, changes, end]) => {
        const whole = encodeMessage(name, message)
        for (const [at, value] of changes) if (whole.length > 0) whole[at % whole.length] = value
        return { name, hostile: new Uint8Array(whole.subarray(0, whole.length - (end % (whole.length + 1)))) }
      })
    const random = fc.record({ name: fc.constantFrom(...NAMES), hostile: fc.uint8Array({ maxLength: 64 }) })
    fc.assert(
      fc.property(fc.oneof(damaged, random), ({ name, hostile }) => {
        try {
          decodeMessage(name, hostile)
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_protobuf' })
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('a version that does not fit in 64 bits is not written', () => {
    expect(() => encodeMessage('ModelVersionStatus', { version: '9223372036854775808' })).toThrow('does not fit in 64 bits')
  })
})
