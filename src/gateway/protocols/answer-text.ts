/** An upstream's answer as text and as JSON, for translations that read it. */
import { parseTensorJson } from '../../wire/tensorflow-serving/json.ts'
import type { PlainBody } from './protocol.ts'

/** The body's UTF-8. */
export function textOf({ body }: PlainBody): string {
  return (typeof body === 'string' ? Buffer.from(body, 'latin1') : body).toString('utf8')
}

/** Its JSON, in which NaN and the infinities may stand bare; undefined where it is none. */
export function jsonOf(answer: PlainBody): unknown {
  try {
    return parseTensorJson(textOf(answer))
  } catch {
    return undefined // text, a traceback, a proxy's page
  }
}

export function withJson(answer: PlainBody, text: string, status = answer.status): PlainBody {
  return { status, headers: answer.headers, contentType: 'application/json', body: Buffer.from(text) }
}

/** A refusal with the words that could be read in it; a server's own failure is for its log and not for a client. */
export function failureWords(status: number, said: string | undefined): string {
  return said ?? (status >= 500 ? 'The model failed; the log of its server has the cause.' : 'The model refused the request.')
}
