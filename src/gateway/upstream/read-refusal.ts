/** The body of a refusal, read so that its words can be judged. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BodySink, UpstreamResponse } from './index.ts'

const MOST_BYTES = 64 * 1024
const TIMEOUT_MS = 2_000

/**
 * The response with all of its body, which can be read once more. What comes of it within two seconds and 64 KiB counts, the rest is given up: a refusal
 * is a line of text, and whoever waits for an answer has waited already.
 */
export async function readRefusal(response: UpstreamResponse): Promise<{ readonly text: string; readonly response: UpstreamResponse }> {
  const whole = response.whole(MOST_BYTES)
  const body = whole === undefined ? await drain(response) : typeof whole === 'string' ? Buffer.from(whole, 'latin1') : whole
  return { text: body.toString('utf8'), response: { ...held(body), status: response.status, headers: response.headers } }
}

async function drain(response: UpstreamResponse): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  const over = new AbortController()
  const all = new Promise<void>((done) => {
    response.attach({
      data(chunk) {
        bytes += chunk.length
        if (bytes > MOST_BYTES) return done()
        chunks.push(chunk)
      },
      end: done,
      error: () => done(),
    })
  })
  const late = sleep(TIMEOUT_MS, undefined, { signal: over.signal, ref: false }).catch(() => undefined)
  await Promise.race([all, late])
  over.abort()
  // Without effect on one that has come to its end.
  response.abort()
  return Buffer.concat(chunks)
}

function held(body: Buffer): Pick<UpstreamResponse, 'whole' | 'attach' | 'pause' | 'resume' | 'abort'> {
  return {
    whole: (most) => (body.length <= most ? body : undefined),
    attach(sink: BodySink) {
      sink.data(body)
      sink.end()
    },
    pause: () => undefined,
    resume: () => undefined,
    abort: () => undefined,
  }
}
