/** What the endpoints share: the engine, the queue in front of it, and how the choices of one request run side by side. */
import { randomBase62 } from '../../../kernel/ids.ts'
import type { TokenCounts } from '../../../wire/openai/sse.ts'
import type { Admission, Slot } from '../admission.ts'
import type { EngineConfig } from '../config.ts'
import type { Engine, Generation, GenerationEvent } from '../engine.ts'

export interface Service {
  readonly config: EngineConfig
  readonly engine: Engine
  readonly admission: Admission
  /** Seconds after which a refused client had better come back. */
  retryAfter(): number
  /** A request has held its slots for so long, milliseconds. */
  served(ms: number): void
  /** Milliseconds from admission to the first token. */
  firstToken(ms: number): void
}

export interface Choice {
  /** Its number in the answer. */
  readonly index: number
  readonly generation: Generation
  /** Its number among the choices of one prompt. */
  readonly choice: number
}

/** `n` choices of each prompt, in OpenAI's order: all of the first prompt's, then the second's. */
export function choicesOf(generations: readonly Generation[], n: number): Choice[] {
  return generations.flatMap((generation, prompt) =>
    Array.from({ length: n }, (_, choice) => ({ index: prompt * n + choice, generation, choice })),
  )
}

/**
 * Runs the choices, each as soon as it has a slot, and hands their events to `take`, which may make them wait. The first failure ends
 * them all. Resolves with what was used.
 */
export async function runChoices(
  service: Service,
  choices: readonly Choice[],
  signal: AbortSignal,
  take: (choice: Choice, event: GenerationEvent) => Promise<void> | void,
): Promise<TokenCounts> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const counts: TokenCounts = { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 }
  const slots = service.admission.enter(choices.length, either, service.retryAfter())
  const started = performance.now()

  const run = async (choice: Choice, waiting: Promise<Slot>) => {
    const slot = await waiting
    const admitted = performance.now()
    let first = true
    try {
      for await (const event of choice.generation.run(choice.choice, either)) {
        if (event.type === 'end') counts.completion_tokens += event.completionTokens
        else if (event.type === 'begin' && choice.choice === 0) {
          counts.prompt_tokens += choice.generation.promptTokens
          counts.cached_tokens += event.cachedTokens
        } else if (first && event.type !== 'begin') {
          first = false
          service.firstToken(performance.now() - admitted)
        }
        await take(choice, event)
      }
    } finally {
      slot.release()
      service.served(performance.now() - started)
    }
  }
  const runs = choices.map((choice, i) =>
    run(choice, slots[i]!).catch((error: unknown) => {
      failed.abort(error)
      throw error
    }),
  )
  // All have let go of their slots before the request is over, also when one fails.
  await Promise.allSettled(runs)
  await Promise.all(runs)
  return counts
}

export function answerId(kind: 'chatcmpl' | 'cmpl'): string {
  return `${kind}-${randomBase62(29)}`
}

export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
