/** What an entry of the audit log says that somebody did, in a word of people: a key is revoked, not "changed". Pure. */
import type { AuditEntry } from '../../../src/store/audit.ts'

const WORDS: Readonly<Record<string, string>> = {
  create: 'created',
  change: 'changed',
  delete: 'deleted',
  login: 'signed in',
  logout: 'ended',
  pause: 'paused',
  resume: 'resumed',
  promote: 'promoted by a step',
  'promote-full': 'promoted fully',
  abort: 'aborted',
  retry: 'tried again',
  undo: 'undone',
  stop: 'stopped',
}

export function deedOf({ action, kind, diff }: Pick<AuditEntry, 'action' | 'kind' | 'diff'>): string {
  if (action === 'token') return diff.some(({ after }) => after !== undefined) ? 'made' : 'revoked'
  if (kind === 'ApiKey' && action === 'change' && diff.some(({ path, after }) => path.at(-1) === 'revoked' && after === true))
    return 'revoked'
  return WORDS[action] ?? action
}

const KINDS: Readonly<Record<string, string>> = { ApiKey: 'key', ModelVersion: 'version', Rollout: 'release' }

/** "version assistant-v2" */
export function thingOf({ kind, name }: Pick<AuditEntry, 'kind' | 'name'>): string {
  return `${KINDS[kind] ?? kind.toLowerCase()} ${name}`
}
