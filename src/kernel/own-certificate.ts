/**
 * Trust in the certificate that our own system serves. It may be self-signed, and made for a name by which this machine is known outside,
 * while we ask by address. So besides the usual authorities the certificate itself is the anchor, and the name does not count.
 */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'

export function trustOwnCertificate(certFile: string) {
  return {
    ca: [...rootCertificates, readFileSync(certFile, 'utf8')],
    allowPartialTrustChain: true,
    checkServerIdentity: () => undefined,
  }
}
