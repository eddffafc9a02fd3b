/** Where weights come from, parsed from the texts of a manifest (`spec.source.engine.weights.from`). */
import { StrataError } from '../../kernel/errors.ts'

export type Place =
  /** A file of a Hugging Face repository. */
  | { readonly type: 'hf'; readonly text: string; readonly repo: string; readonly file: string; readonly revision: string }
  /** A member of a wheel of the Python package index. */
  | { readonly type: 'pypi'; readonly text: string; readonly requirement: string; readonly member: string }
  /** A file of a package of the npm registry. */
  | { readonly type: 'npm'; readonly text: string; readonly requirement: string; readonly member: string }
  | { readonly type: 'http'; readonly text: string; readonly url: string }
  | { readonly type: 'file'; readonly text: string; readonly path: string }

const HF = /^hf:([\w.-]+\/[\w.-]+)\/([^@]+?)(?:@([\w./-]+))?$/
const PYPI = /^pypi:([A-Za-z0-9][\w.-]*(?:==[\w.!+-]+)?)\/(.+)$/
// Names begin with a letter or digit: a word that begins with "-" would be a flag of npm's.
const NPM = /^npm:((?:@[\w][\w.-]*\/)?[A-Za-z0-9_][\w.-]*(?:@[\w.+-]+)?)\/(.+)$/

export function parsePlace(text: string): Place {
  if (text.startsWith('hf:')) {
    const [, repo, file, revision = 'main'] = HF.exec(text) ?? []
    if (!repo || !file) throw wrong(text, 'hf:owner/repo/file@revision')
    return { type: 'hf', text, repo, file, revision }
  }
  if (text.startsWith('pypi:')) {
    const [, requirement, member] = PYPI.exec(text) ?? []
    if (!requirement || !member) throw wrong(text, 'pypi:package==version/path-in-wheel')
    return { type: 'pypi', text, requirement, member }
  }
  if (text.startsWith('npm:')) {
    const [, requirement, member] = NPM.exec(text) ?? []
    if (!requirement || !member) throw wrong(text, 'npm:package@version/path')
    return { type: 'npm', text, requirement, member }
  }
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return { type: 'http', text, url: text }
  if (text.startsWith('file:')) {
    // Both file:/path and file:///path; a file: address with a host names another machine.
    const path = text.startsWith('file://') ? new URL(text) : undefined
    if (path?.host) throw wrong(text, 'file:/path')
    return { type: 'file', text, path: path ? decodeURIComponent(path.pathname) : text.slice('file:'.length) }
  }
  throw wrong(text, 'hf:, pypi:, npm:, https: or file:')
}

/** Address of a file of a Hugging Face repository. `HF_ENDPOINT` names a mirror. */
export function huggingFaceUrl(
  place: Extract<Place, { type: 'hf' }>,
  endpoint = process.env.HF_ENDPOINT || 'https://huggingface.co',
): string {
  const file = place.file.split('/').map(encodeURIComponent).join('/')
  return `${endpoint.replace(/\/+$/, '')}/${place.repo}/resolve/${encodeURIComponent(place.revision)}/${file}`
}

/** Name of the file at a place, for lists. */
export function fileName(place: Place): string {
  const path =
    place.type === 'http' ? new URL(place.url).pathname : 'member' in place ? place.member : 'file' in place ? place.file : place.path
  return path.split('/').filter(Boolean).at(-1) ?? place.type
}

const wrong = (text: string, form: string) =>
  new StrataError('invalid_place', `"${text}" names no place.`, { advice: `It should look like ${form}.` })
