/** What a form says of a backend, and the spec that comes of it. Pure. */
import type { Spec } from '../../../src/resources/index.ts'
import type { SecretReference } from '../../../src/resources/scalars.ts'
import { DURATION } from '../parts/form-fields.ts'

type BackendSpec = Spec<'Backend'>

export interface SecretDraft {
  readonly from: 'none' | 'env' | 'file'
  readonly place: string
}

export interface Draft {
  readonly protocol: BackendSpec['protocol']
  readonly address: string
  readonly secret: SecretDraft
  /** Strata loads and unloads its models. */
  readonly manages: boolean
  /** Where it is managed. Empty: at its address. */
  readonly management: string
  readonly managementSecret: SecretDraft
  readonly period: string
  readonly discovers: boolean
  readonly most: number | undefined
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

export function secretDraftOf(reference: SecretReference | undefined): SecretDraft {
  if (!reference) return { from: 'none', place: '' }
  return 'env' in reference ? { from: 'env', place: reference.env } : { from: 'file', place: reference.file }
}

/** Undefined where there is none, and while its place is missing. */
export function referenceOf({ from, place }: SecretDraft): SecretReference | undefined {
  if (from === 'env') return VARIABLE.test(place) ? { env: place } : undefined
  return from === 'file' && place !== '' ? { file: place } : undefined
}

export function isAddress(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text)
}

/** Undefined while something is missing. What the form does not ask stays as it was. */
export function specOf(before: BackendSpec | undefined, draft: Draft): BackendSpec | undefined {
  const { protocol, address, secret, manages, management, managementSecret, period, discovers, most } = draft
  const isWhole = (each: SecretDraft) => each.from === 'none' || referenceOf(each) !== undefined
  if (!isAddress(address) || !DURATION.test(period) || most === undefined || most < 1 || !isWhole(secret)) return undefined
  if (management !== '' && !(isAddress(management) && isWhole(managementSecret))) return undefined
  const { credentials: _, management: __, discovery, ...rest } = before ?? {}
  const bearer = referenceOf(secret)
  const managementBearer = referenceOf(managementSecret)
  return {
    ...rest,
    protocol,
    address,
    ...(management === ''
      ? {}
      : { management: { address: management, ...(managementBearer ? { credentials: { bearer: managementBearer } } : {}) } }),
    ...(bearer ? { credentials: { bearer } } : {}),
    health: { period },
    // One that never spoke of it does not begin to by being switched off.
    ...(discovers ? { discovery: { ...discovery, models: true } } : discovery ? { discovery: { ...discovery, models: false } } : {}),
    manage: manages,
    maxConcurrent: most,
  }
}
