/** `fetch` that besides the usual authorities trusts one certificate: that with which our own system was started. */
import { trustOwnCertificate } from '../kernel/own-certificate.ts'

export async function fetchTrusting(certFile: string | undefined, url: string, init: RequestInit): Promise<Response> {
  if (certFile === undefined) return fetch(url, init)
  const undici = await import('undici')
  // No pipelining, for one request: nothing shall keep the process alive after it.
  const dispatcher = new undici.Agent({ connect: trustOwnCertificate(certFile), pipelining: 0 })
  return (await undici.fetch(url, { ...init, dispatcher } as Parameters<typeof undici.fetch>[1])) as unknown as Response
}
