/** Where an engine's config comes from: a file beside a supervisor, the environment in a container, which has no file of ours. */
import { readFileSync } from 'node:fs'
import { messageOf, StrataError } from '../../kernel/errors.ts'
import { type EngineConfig, engineConfig } from './config.ts'

/** With a path: that file. Without: the JSON text in `STRATA_ENGINE_CONFIG`. A port of 0 becomes the one that `PORT` names, where there is one. */
export function readEngineConfig(path: string | undefined, env: NodeJS.ProcessEnv): EngineConfig {
  const [place, text] = path === undefined ? ['in STRATA_ENGINE_CONFIG', textFrom(env)] : [path, textOf(path)]
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new StrataError('engine_config_invalid', `The engine's config ${place} is not JSON: ${messageOf(error)}`)
  }
  const result = engineConfig.safeParse(json)
  if (!result.success) {
    const [issue] = result.error.issues
    throw new StrataError('engine_config_invalid', `The engine's config ${place} is wrong at ${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { listen, ...rest } = result.data
  return { ...rest, listen: 'port' in listen && listen.port === 0 ? { ...listen, port: toldPort(env) } : listen }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StrataError('engine_config_unreadable', `Cannot read the engine's config ${path}: ${messageOf(error)}`)
  }
}

function textFrom({ STRATA_ENGINE_CONFIG: text }: NodeJS.ProcessEnv): string {
  if (text) return text
  throw new StrataError('engine_config_missing', 'Nothing says what this engine shall run.', {
    advice: "Give --config FILE, or the config's JSON text in STRATA_ENGINE_CONFIG.",
  })
}

/** 0, the system's choice, where none is told. */
function toldPort({ PORT: text }: NodeJS.ProcessEnv): number {
  if (!text) return 0
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new StrataError('engine_config_invalid', `The engine shall listen on the port that PORT names, and PORT is ${text}.`, {
    advice: 'Ports are whole numbers from 1 to 65535.',
  })
}
