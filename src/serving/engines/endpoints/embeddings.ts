/** POST /v1/embeddings. */
import { type EmbeddingList, encodeEmbedding, inputsOf, parseEmbeddingRequest } from '../../../wire/openai/embeddings.ts'
import type { Fields } from '../../../wire/openai/request.ts'
import type { Exchange } from '../exchange.ts'
import type { Service } from './service.ts'

export async function answerEmbeddings(service: Service, body: Fields, exchange: Exchange): Promise<void> {
  const request = parseEmbeddingRequest(body)
  const slot = await service.admission.enter(1, exchange.signal, service.retryAfter())[0]!
  const started = performance.now()
  try {
    const { vectors, promptTokens } = await service.engine.embed(inputsOf(request), request.dimensions, exchange.signal)
    const list: EmbeddingList = {
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: encodeEmbedding(vector, request.encoding_format ?? 'float'),
      })),
      model: request.model,
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    }
    exchange.sendJson(200, list, { prompt_tokens: promptTokens, completion_tokens: 0, cached_tokens: 0 })
  } finally {
    slot.release()
    service.served(performance.now() - started)
  }
}
