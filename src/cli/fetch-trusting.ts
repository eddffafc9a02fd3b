/**
 * `fetch` that besides the usual authorities trusts one certificate: that with which our own system was started. It may be self-signed, and
 * made for a name by which this machine is known outside, while we ask by address. So the certificate itself is the anchor, and the name
 * does not count.
 */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'

export async function fetchTrusting(certFile: string | undefined, url: string, init: RequestInit): Promise<Response> {
  if (certFile === undefined) return fetch(url, init)
  const undici = await import('undici')
  const dispatcher = new undici.Agent({
    connect: {
      ca: [...rootCertificates, readFileSync(certFile, 'utf8')],
      allowPartialTrustChain: true,
      checkServerIdentity: () => undefined,
    },
    // One request: nothing shall keep the process alive after it.
    pipelining: 0,
  })
  return (await undici.fetch(url, { ...init, dispatcher } as Parameters<typeof undici.fetch>[1])) as unknown as Response
}
