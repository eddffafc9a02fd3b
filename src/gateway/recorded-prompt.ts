/** What people wrote, for the records: only where an operator has switched that on, and never more of it than the bound. */
import type { FeedbackRecord, FinishedRecord } from '../monitoring/request-records.ts'

/** Fields of an OpenAI request that hold what was asked. */
const ASKED = ['messages', 'prompt', 'input', 'tools']

/** `maxBytes` of UTF-8; what is longer is cut between two characters. */
export function recordedPrompt(request: Readonly<Record<string, unknown>>, maxBytes: number): FinishedRecord['prompt'] {
  const asked = Object.fromEntries(ASKED.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]))
  const bytes = textOf(asked)
  if (bytes === undefined) return { text: '', truncated: true }
  return { text: cut(bytes, maxBytes), truncated: bytes.length > maxBytes }
}

/** What somebody wrote of an answer: its length, and its text where there is a bound for such. */
export function recordedComment(comment: string, maxBytes: number | undefined): NonNullable<FeedbackRecord['comment']> {
  const bytes = Buffer.from(comment)
  return { bytes: bytes.length, text: maxBytes === undefined ? undefined : cut(bytes, maxBytes) }
}

/** At most `most` bytes of UTF-8, as text. */
function cut(bytes: Buffer, most: number): string {
  if (bytes.length <= most) return bytes.toString('utf8')
  let end = most
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1 // in the middle of a character
  return bytes.toString('utf8', 0, end)
}

function textOf(asked: object): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(asked))
  } catch {
    return undefined // nested so deeply that it can be read but not written; the request was refused for that
  }
}
