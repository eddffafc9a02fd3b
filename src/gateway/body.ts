/** Reads a request body within its limit, and no slower than its time. */
import type { IncomingMessage } from 'node:http'
import { type GatewayError, invalidRequest } from './errors.ts'

const SLOWEST_MS = 60_000

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
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (result: Buffer | GatewayError | undefined) => {
      clearTimeout(timer)
      req.off('data', onData)
      req.off('end', onEnd)
      req.off('close', onClose)
      resolve(result)
    }
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) return settle(tooLarge(maxBytes))
      chunks.push(chunk)
    }
    const onEnd = () => settle(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    const onClose = () => settle(undefined)
    const timer = setTimeout(
      () => settle(invalidRequest(`The body did not arrive within ${SLOWEST_MS / 1000} s.`, 'request_timeout', undefined, 408)),
      SLOWEST_MS,
    )
    req.on('data', onData)
    req.on('end', onEnd)
    req.on('close', onClose)
    req.on('error', onClose)
  })
}

const tooLarge = (maxBytes: number) =>
  invalidRequest(`The body is larger than ${maxBytes} bytes, the limit here.`, 'request_too_large', undefined, 413)
