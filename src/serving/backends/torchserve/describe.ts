import { parseModelDescriptions, type TorchServeModel } from '../../../wire/torchserve/rest.ts'
import { type Ask, jsonOf } from '../ask.ts'

/** All versions of a model that are registered; none where the model is not. */
export const describeAll = (manage: Ask, name: string, signal: AbortSignal): Promise<TorchServeModel[]> =>
  describe(manage, `/models/${encodeURIComponent(name)}/all`, signal)

/** The version that a request without one goes to; undefined where the model is not registered. */
export async function describeDefault(manage: Ask, name: string, signal: AbortSignal): Promise<TorchServeModel | undefined> {
  return (await describe(manage, `/models/${encodeURIComponent(name)}`, signal))[0]
}

export async function defaultVersion(manage: Ask, name: string, signal: AbortSignal): Promise<string | undefined> {
  return (await describeDefault(manage, name, signal))?.modelVersion
}

async function describe(manage: Ask, path: string, signal: AbortSignal): Promise<TorchServeModel[]> {
  const answer = await manage(path, { signal })
  return answer.status === 200 ? parseModelDescriptions(jsonOf(answer)) : []
}
