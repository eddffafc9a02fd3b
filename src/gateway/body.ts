/** Reads a request body within its limit. How long it may take is the server's to say (`requestTimeout`). */
import type { IncomingMessage } from 'node:http'
import { type GatewayError, invalidRequest } from './errors.ts'

/** The body, or why not. `undefined` when the client went away: nobody is left to answer. */
export function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer | GatewayError | undefined> {
  const announced = req.headers['content-length']
  if (announced !== undefined && Number(announced) > maxBytes) return Promise.resolve(tooLarge(maxBytes))
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return Promise.resolve(
      invalidRequest(
        `Content-Encoding "${encoding.slice(0, 40)}" is not accepted; send the body as it is.`,
        'unsupported_content_encoding',
        undefined,
        415,
      ),
    )
  return new Promise((resolve) => {
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) {
        // What still comes is thrown away.
        first = more = undefined
        resolve(tooLarge(maxBytes))
      } else if (first === undefined) first = chunk
      else if (more) more.push(chunk)
      else more = [first, chunk]
    })
    req.on('end', () => resolve(more ? Buffer.concat(more) : (first ?? Buffer.alloc(0))))
    req.on('close', () => resolve(undefined))
  })
}

const tooLarge = (maxBytes: number) =>
  invalidRequest(`The body is larger than ${maxBytes} bytes, the limit here.`, 'request_too_large', undefined, 413)
