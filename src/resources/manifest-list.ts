/** Several manifests as one document: what `strata get -o json` prints, and what the API answers to the question for all of a kind. */
import { isFields } from './field-problem.ts'

const FIELDS = ['apiVersion', 'kind', 'metadata', 'items']

/** The manifests that `document` stands for, unchecked; undefined where it is no list of them. */
export function listedManifests(document: unknown): readonly unknown[] | undefined {
  if (!isFields(document) || !Array.isArray(document.items)) return undefined
  const { kind, items } = document
  const isList = kind === undefined || (typeof kind === 'string' && kind.endsWith('List'))
  return isList && Object.keys(document).every((name) => FIELDS.includes(name)) ? items : undefined
}
