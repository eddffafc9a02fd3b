/** Queries of the owner's Prometheus, each asked again every 15 seconds; what was answered last is known meanwhile. */
import type { Clock } from '../../kernel/clock.ts'
import type { ScalingPolicy } from '../../resources/scaling.ts'
import type { External } from '../autoscaling/policy.ts'
import { ANSWER_MS, askPrometheus, whyNoAnswer } from '../prometheus/index.ts'

type Asked = NonNullable<ScalingPolicy['prometheus']>

export interface Queries {
  /** Asks if it is time to, and tells what is known. `before`: what an earlier control knew of the same query. */
  look(uid: string, query: Asked, before: External | undefined): External
  keepOnly(uids: ReadonlySet<string>): void
  close(): void
}

const EVERY_MS = 15_000

export function createQueries({ clock, onAnswer }: { readonly clock: Clock; onAnswer(uid: string): void }): Queries {
  const closing = new AbortController()
  const known = new Map<string, { readonly of: string; external: External; askedAt: number; asking: boolean }>()

  const answerOf = async (query: Asked, before: External): Promise<External> => {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_MS)])
    const { problem: _, ...last } = before
    try {
      const answer = await askPrometheus(query, signal)
      if ('problem' in answer) return { ...last, problem: answer.problem }
      const value = answer.values.reduce((sum, each) => sum + each, 0)
      return Number.isFinite(value) ? { value, answeredAt: clock.latest() } : { ...last, problem: 'the query finds no finite number' }
    } catch (error) {
      const isNoJson = error instanceof SyntaxError
      return { ...last, problem: isNoJson ? 'what it answers is no JSON' : `no answer: ${whyNoAnswer(error, signal)}` }
    }
  }

  return {
    look(uid, query, before) {
      const of = JSON.stringify(query)
      let state = known.get(uid)
      if (state?.of !== of) {
        state = { of, external: before ?? {}, askedAt: Number.NEGATIVE_INFINITY, asking: false }
        known.set(uid, state)
      }
      const mine = state
      if (!mine.asking && clock.monotonic() - mine.askedAt >= EVERY_MS) {
        mine.asking = true
        mine.askedAt = clock.monotonic()
        void answerOf(query, mine.external).then((external) => {
          mine.asking = false
          if (closing.signal.aborted) return
          mine.external = external
          onAnswer(uid)
        })
      }
      return mine.external
    },
    keepOnly(uids) {
      for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid)
    },
    close: () => closing.abort(),
  }
}
