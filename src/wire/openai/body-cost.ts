/**
 * What it would cost to parse a body, told from its bytes. JSON.parse spends up to a microsecond on each key and each container: 16 MB of them
 * hold an event loop, and everybody behind it, for seconds, where 16 MB of text take milliseconds. So the bytes are counted first, which is
 * a hundred times cheaper, and a body that is made of too many parts is refused before anything is built from it.
 */

/** Up to a million bare values (token ids, say), two hundred thousand keys, strings or containers. No honest request comes near. */
const MOST = 1_000_000
const STRING = 4
const CONTAINER = 4
/** A smaller body cannot cost more than this, whatever it holds. */
const CHEAP_BYTES = MOST / CONTAINER

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const BRACKET = 0x5b
const BRACE = 0x7b

/** What a refusal says of a body that is too costly. */
export const TOO_MANY_VALUES = 'The body is made of too many values: at most a million numbers, or two hundred thousand fields and texts.'

/** `body`: JSON in UTF-8, or what claims to be. */
export function hasTooManyValues(body: Uint8Array): boolean {
  if (body.length <= CHEAP_BYTES) return false
  let cost = 0
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]
    if (byte === QUOTE) {
      cost += STRING
      i = endOfString(body, i + 1)
    } else if (byte === COMMA) cost += 1
    else if (byte === BRACKET || byte === BRACE) cost += CONTAINER
    else continue
    if (cost > MOST) return true
  }
  return false
}

/** Index of the quote that ends the string; beyond the end where none does. */
function endOfString(body: Uint8Array, from: number): number {
  for (let end = body.indexOf(QUOTE, from); end !== -1; end = body.indexOf(QUOTE, end + 1)) {
    let escapes = 0
    while (body[end - 1 - escapes] === BACKSLASH && end - 1 - escapes >= from) escapes++
    if (escapes % 2 === 0) return end
  }
  return body.length
}
