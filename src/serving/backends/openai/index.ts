/**
 * OpenAI-compatible servers. The list of models is the cheapest question that also proves the credentials; `/metrics` beside `/v1`, where
 * there is one, says which server it is and how busy it is.
 */
import { messageOf } from '../../../kernel/errors.ts'
import { parsePrometheus } from '../../../wire/prometheus/text.ts'
import { type Ask, jsonOf, refusal } from '../ask.ts'
import { type Backend, type BackendModel, type BackendProbe, unreachable } from '../port.ts'
import { loadOf, type OpenAIServer, serverOf } from './servers.ts'

const MOST_MODELS = 1_000

/** `ask` is about the address with its `/v1`, `askBeside` about the server's root. */
export function openAIBackend(ask: Ask, askBeside: Ask): Backend {
  /** Learned once for each process of the server; it does not turn into another by itself. */
  let version: { readonly of: string; readonly text?: string } | undefined

  const versionOf = async (server: OpenAIServer, signal: AbortSignal): Promise<string | undefined> => {
    if (version?.of === server.name) return version.text
    const text = server.version && (await textField(askBeside, server.version, signal))
    version = { of: server.name, text }
    return text
  }

  return {
    async probe(signal): Promise<BackendProbe> {
      try {
        const [answer, samples] = await Promise.all([
          ask('/models', { signal }),
          askBeside('/metrics', { signal }).then(
            ({ status, text }) => (status === 200 ? parsePrometheus(text) : []),
            () => [], // metrics are a courtesy, and hosted providers have none
          ),
        ])
        const refused = refusal(answer, 'GET /models')
        // While it loads its model, llama-server answers 503 to everything.
        if (answer.status === 503)
          return { reachable: true, ready: false, message: 'it is loading its model (HTTP 503)', onlyListed: false }
        if (refused) return unreachable(refused)
        // 404 and the like: a server without a list of models is there all the same.
        const listed = answer.status === 200 ? modelsIn(jsonOf(answer)) : undefined
        const server = serverOf(samples, listed?.owners ?? [])
        if (!server) return { reachable: true, ready: true, models: listed?.models, onlyListed: false }
        const of = await versionOf(server, signal)
        return {
          reachable: true,
          ready: true,
          server: of === undefined ? server.name : `${server.name} ${of}`,
          models: listed?.models,
          onlyListed: server.onlyListed && listed !== undefined,
          load: loadOf(server, samples),
        }
      } catch (error) {
        version = undefined
        return unreachable(messageOf(error))
      }
    },
  }
}

async function textField(
  ask: Ask,
  { path, field }: NonNullable<OpenAIServer['version']>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const json = jsonOf(await ask(path, { signal })) as Record<string, unknown> | undefined
    const value = json?.[field]
    return typeof value === 'string' ? value.slice(0, 64) : undefined
  } catch {
    return undefined // which version it is changes nothing
  }
}

function modelsIn(json: unknown): { models: BackendModel[]; owners: string[] } | undefined {
  const data = (json as { data?: unknown } | null | undefined)?.data
  if (!Array.isArray(data)) return undefined
  const entries = (data as ({ id?: unknown; owned_by?: unknown } | null)[]).slice(0, MOST_MODELS)
  return {
    models: entries.flatMap((each) => (typeof each?.id === 'string' ? { name: each.id, state: 'ready' as const } : [])),
    owners: entries.flatMap((each) => (typeof each?.owned_by === 'string' ? each.owned_by : [])),
  }
}
