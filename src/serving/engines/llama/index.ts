/** Loads a GGUF file into this process, through llama.cpp: a model that generates, or one that makes embeddings. */
import { availableParallelism } from 'node:os'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import { messageOf, StrataError } from '../../../kernel/errors.ts'
import { sha256Hex } from '../../../kernel/ids.ts'
import type { Log } from '../../../kernel/log.ts'
import type { EngineConfig } from '../config.ts'
import type { Engine } from '../engine.ts'
import { LlamaEmbedder } from './embedder.ts'
import { LlamaEngine } from './engine.ts'

/** Part of the fingerprint: another version may answer otherwise. */
const ENGINE_VERSION = 'node-llama-cpp 3.21.1'

type LlamaConfig = EngineConfig & { engine: { kind: 'llama' } }

export async function loadLlama(config: LlamaConfig, log: Log): Promise<Engine> {
  const { weightsPath, weightsSha256, parameters } = config.engine
  const llama = await getLlama({
    gpu: parameters.gpu === 'auto' ? 'auto' : false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.warn,
    logger: (level, message) =>
      log[level === LlamaLogLevel.error || level === LlamaLogLevel.fatal ? 'error' : 'debug'](message.trim(), { from: 'llama.cpp' }),
  })
  const model = await llama.loadModel({ modelPath: weightsPath }).catch((error: unknown) => {
    throw new StrataError('weights_unusable', `llama.cpp cannot load ${weightsPath}: ${messageOf(error)}`, {
      advice: 'Is it a GGUF file of a model that this version of llama.cpp knows?',
      cause: error,
    })
  })
  const fingerprint = `fp_${sha256Hex(`${weightsSha256}\n${ENGINE_VERSION}`).slice(0, 12)}`
  const contextSize = Math.min(parameters.contextSize, model.trainContextSize)
  if (contextSize < parameters.contextSize)
    log.warn(`The context is ${contextSize} tokens, not ${parameters.contextSize}: the model was trained on no more.`)
  const threads = parameters.threads ?? Math.max(1, Math.floor(availableParallelism() / 2))
  if (config.task === 'embedding') return LlamaEmbedder.load(llama, model, { fingerprint, contextSize, threads })
  const { sequences } = parameters
  return LlamaEngine.load(llama, model, {
    fingerprint,
    contextSize,
    sequences,
    batchSize: Math.max(parameters.batchSize, sequences),
    threads,
    log,
  })
}
