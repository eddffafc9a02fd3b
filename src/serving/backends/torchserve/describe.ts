import { parseModelDescriptions, type TorchServeModel } from '../../../wire/torchserve/rest.ts'
import { type Ask, jsonOf } from '../ask.ts'

/** All versions of a model that are registered; none where the model is not. */
export async function describeAll(manage: Ask, name: string, signal: AbortSignal): Promise<TorchServeModel[]> {
  const answer = await manage(`/models/${encodeURIComponent(name)}/all`, { signal })
  return answer.status === 200 ? parseModelDescriptions(jsonOf(answer)) : []
}
