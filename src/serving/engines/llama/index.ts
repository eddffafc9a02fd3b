/** Loads a GGUF file into this process, through llama.cpp: a model that generates, or one that makes embeddings. */
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import { messageOf, StrataError } from '../../../kernel/errors.ts'
import { sha256Hex } from '../../../kernel/ids.ts'
import type { Log } from '../../../kernel/log.ts'
import { asSentence, escapeControls } from '../../../kernel/sentences.ts'
import { formatBytes } from '../../../kernel/units.ts'
import type { EngineConfig } from '../config.ts'
import type { Engine } from '../engine.ts'
import { requireMemory } from '../memory.ts'
import { LlamaEmbedder } from './embedder.ts'
import { LlamaEngine } from './engine.ts'

/** Part of the fingerprint: another version may answer otherwise. */
const ENGINE_VERSION = 'node-llama-cpp 3.21.1'

type LlamaConfig = EngineConfig & { engine: { kind: 'llama' } }

/** `inOrder`: this process does native work in the order in which it is queued (`worker-thread.ts`). */
export async function loadLlama(config: LlamaConfig, log: Log, inOrder = false): Promise<Engine> {
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
  const { name } = config.version
  const weights = statSync(weightsPath).size
  if (!llama.gpu)
    requireMemory(`${name} (its weights)`, { mapped: weights, held: 0 }, 'Use a smaller model, or a smaller quantization of it.')
  const model = await llama.loadModel({ modelPath: weightsPath }).catch((error: unknown) => {
    // It quotes the first bytes of the file as they are.
    const why = asSentence(escapeControls(messageOf(error)))
    throw new StrataError('weights_unusable', `llama.cpp cannot load ${weightsPath}: ${why}`, {
      advice: 'Is it a GGUF file of a model that this version of llama.cpp knows?',
      cause: error,
    })
  })
  // The same weights give other answers on a GPU.
  const where = llama.gpu ? `\n${llama.gpu}` : ''
  const fingerprint = `fp_${sha256Hex(`${weightsSha256}\n${ENGINE_VERSION}${where}`).slice(0, 12)}`
  const contextSize = Math.min(parameters.contextSize, model.trainContextSize)
  if (contextSize < parameters.contextSize)
    log.warn(`The context is ${contextSize} tokens, not ${parameters.contextSize}: the model was trained on no more.`)
  const threads = parameters.threads ?? Math.max(1, Math.floor(availableParallelism() / 2))
  const isEmbeddingContext = config.task === 'embedding'
  const { sequences } = parameters
  const batchSize = isEmbeddingContext ? contextSize : Math.max(parameters.batchSize, sequences)
  if (!llama.gpu) {
    const shape = { contextSize, batchSize, sequences: isEmbeddingContext ? 1 : sequences, isEmbeddingContext }
    const { cpuRam } = await model.fileInsights.estimateContextResourceRequirementsV2({ ...shape, modelGpuLayers: 0 })
    const what = `${name} (weights of ${formatBytes(weights)}, and ${shape.sequences} sequences of ${contextSize} tokens)`
    requireMemory(what, { mapped: weights, held: cpuRam }, 'Set fewer `sequences` or a smaller `contextSize`, or use a smaller model.')
  }
  if (isEmbeddingContext) return LlamaEmbedder.load(llama, model, { fingerprint, contextSize, threads })
  return LlamaEngine.load(llama, model, {
    fingerprint,
    contextSize,
    sequences,
    batchSize,
    threads,
    inOrder,
    log,
  })
}
