/**
 * The set of engines that control wants, and what to do about it. The decision is pure; `index.ts` carries it out.
 *
 * Control says the whole set each time, so a control that restarts changes nothing by saying it again. An id runs once at a time: it names
 * the socket, the config file and the log. So a changed engine starts when its predecessor has drained, and so does one that is wanted
 * again while it leaves.
 *
 * The last set is kept on disk, and a new supervisor starts it at once: engines load while control opens its database, and answer from the
 * gateways' last snapshot even when control cannot come up. What has changed since, control corrects with its first word.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StrataError } from '../kernel/errors.ts'
import type { Home } from '../kernel/home.ts'
import type { WantedEngine } from '../kernel/supervision.ts'

export interface RunningEngine {
  readonly id: string
  readonly config: string
  readonly draining: boolean
}

export interface EnginePlan {
  /** Wanted, and nothing of that id runs. */
  readonly start: readonly WantedEngine[]
  /** Ids that run and are no longer wanted as they are. */
  readonly drain: readonly string[]
}

export function planEngines(running: readonly RunningEngine[], wanted: readonly WantedEngine[]): EnginePlan {
  const byId = new Map(wanted.map((engine) => [engine.id, engine]))
  const runningIds = new Set(running.map((engine) => engine.id))
  return {
    start: wanted.filter((engine) => !runningIds.has(engine.id)),
    drain: running.filter((engine) => !engine.draining && byId.get(engine.id)?.config !== engine.config).map((engine) => engine.id),
  }
}

const ENGINE_ID = /^[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?$/

/** The body of `PUT /engines`. Control is trusted, but what it says names files: a wrong id must not leave the folder. */
export function parseWantedEngines(body: unknown): WantedEngine[] {
  if (!Array.isArray(body)) throw invalid('the body is not a list')
  const seen = new Set<string>()
  return body.map((entry: unknown, i) => {
    const { id, config, drainTimeoutMs, memoryLimitBytes } = (entry ?? {}) as Partial<Record<keyof WantedEngine, unknown>>
    if (typeof id !== 'string' || !ENGINE_ID.test(id)) throw invalid(`[${i}].id is not an instance id`)
    if (typeof config !== 'string') throw invalid(`[${i}].config is not a text`)
    if (typeof drainTimeoutMs !== 'number' || !(drainTimeoutMs >= 0)) throw invalid(`[${i}].drainTimeoutMs is not a time`)
    if (memoryLimitBytes !== undefined && !(typeof memoryLimitBytes === 'number' && memoryLimitBytes > 0))
      throw invalid(`[${i}].memoryLimitBytes is not a size`)
    if (seen.has(id)) throw invalid(`[${i}].id "${id}" is named twice`)
    seen.add(id)
    return { id, config, drainTimeoutMs, ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }) }
  })
}

const invalid = (what: string) => new StrataError('invalid_request', `PUT /engines: ${what}.`)

const memoryOf = (home: Home) => join(home.run, 'engines.json')

/** Throws where the disk does not take it. */
export function rememberEngines(home: Home, wanted: readonly WantedEngine[]): void {
  const path = memoryOf(home)
  writeFileSync(`${path}.new`, JSON.stringify(wanted), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** What ran last; nothing where that cannot be told. */
export function rememberedEngines(home: Home): WantedEngine[] {
  try {
    return parseWantedEngines(JSON.parse(readFileSync(memoryOf(home), 'utf8')))
  } catch {
    return [] // the first start, or a file that was spoiled: control will say what shall run
  }
}
