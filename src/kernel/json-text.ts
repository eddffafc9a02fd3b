/** JSON as text, where parsing all of it would cost too much or change numbers that a double cannot hold. */

/** Where the value of a key of the outermost object stands: `[start, end)`. The first one, where a key comes twice; undefined where it does not come. */
export function topLevelValue(text: string, key: string): [start: number, end: number] | undefined {
  let at = skipBlanks(text, 0)
  if (text[at] !== '{') return undefined
  at = skipBlanks(text, at + 1)
  while (text[at] === '"') {
    const nameEnd = skipString(text, at)
    const colon = skipBlanks(text, nameEnd)
    if (text[colon] !== ':') return undefined
    const start = skipBlanks(text, colon + 1)
    const end = skipValue(text, start)
    if (end === start) return undefined
    if (nameEnd - at === key.length + 2 && text.startsWith(key, at + 1)) return [start, end]
    at = skipBlanks(text, end)
    if (text[at] !== ',') return undefined
    at = skipBlanks(text, at + 1)
  }
  return undefined
}

function skipBlanks(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code === 32 || code === 10 || code === 13 || code === 9; code = text.charCodeAt(at)) at += 1
  return at
}

/** Index behind the closing quote; the end of the text where there is none. */
function skipString(text: string, from: number): number {
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return text.length
    let slashes = 0
    while (text[quote - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

const STRUCTURE = /["{}[\]]/g
const SCALAR = /[^,}\]\s]*/y

function skipValue(text: string, from: number): number {
  const first = text[from]
  if (first === '"') return skipString(text, from)
  if (first !== '{' && first !== '[') {
    SCALAR.lastIndex = from
    return from + (SCALAR.exec(text)?.[0].length ?? 0)
  }
  let depth = 0
  STRUCTURE.lastIndex = from
  for (let found = STRUCTURE.exec(text); found; found = STRUCTURE.exec(text)) {
    if (found[0] === '"') STRUCTURE.lastIndex = skipString(text, found.index)
    else if (found[0] === '{' || found[0] === '[') depth += 1
    else if (--depth === 0) return found.index + 1
  }
  return text.length
}
