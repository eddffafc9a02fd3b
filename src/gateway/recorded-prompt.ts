/** What a request asked, for its record: only where an operator has switched that on, and never more of it than the bound. */
import type { FinishedRecord } from '../monitoring/request-records.ts'

/** Fields of an OpenAI request that hold what was asked. */
const ASKED = ['messages', 'prompt', 'input', 'tools']

/** `maxBytes` of UTF-8; what is longer is cut between two characters. */
export function recordedPrompt(request: Readonly<Record<string, unknown>>, maxBytes: number): FinishedRecord['prompt'] {
  const asked = Object.fromEntries(ASKED.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]))
  const bytes = textOf(asked)
  if (bytes === undefined) return { text: '', truncated: true }
  if (bytes.length <= maxBytes) return { text: bytes.toString('utf8'), truncated: false }
  let end = maxBytes
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1 // in the middle of a character
  return { text: bytes.toString('utf8', 0, end), truncated: true }
}

function textOf(asked: object): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(asked))
  } catch {
    return undefined // nested so deeply that it can be read but not written; the request was refused for that
  }
}
