/** What holds for every policy: never fewer than `min`, never more than `max`, no change too soon after another, and one instance where somebody asks. */
import { type Decision, existing, type Inputs, type Policy, type Sample } from './policy.ts'

export interface Bounds {
  /** 0 allows that nothing runs while nobody asks. */
  readonly min: number
  readonly max: number
  /** For so long after any change no instance is taken away, milliseconds. */
  readonly cooldownDownMs?: number
  /** For so long after any change none is added, milliseconds. `min` and the first instance do not wait. */
  readonly cooldownUpMs?: number
}

export interface BoundedState {
  readonly policy: unknown
  readonly changedAt: number | null
}

export interface BoundedDecision extends Decision<BoundedState> {
  /** What the policy alone had wanted. */
  readonly asked: number
}

export interface BoundedPolicy extends Policy<BoundedState> {
  decide(state: BoundedState, sample: Sample, now: number): BoundedDecision
}

/** @throws RangeError where the bounds are none. */
export function bounded<State>(policy: Policy<State>, bounds: Bounds): BoundedPolicy {
  const { min, max, cooldownDownMs = 0, cooldownUpMs = 0 } = bounds
  if (!(Number.isInteger(min) && Number.isInteger(max) && min >= 0 && max >= Math.max(1, min)))
    throw new RangeError(`no bounds: at least ${min}, at most ${max} instances`)
  return {
    name: policy.name,
    start: { policy: policy.start, changedAt: null },
    decide(state, sample, now) {
      const { wanted: asked, reason, inputs, isOld, state: next } = policy.decide(state.policy as State, sample, now)
      const current = existing(sample)
      // The first one starts for who waits, and the last one stays for who is answered.
      const isAsked = sample.queued > 0 || (current > 0 && sample.concurrency > 0)
      const least = min === 0 && isAsked ? 1 : min
      const resting = (ms: number) => state.changedAt !== null && now - state.changedAt < ms
      let wanted = Number.isFinite(asked) ? Math.max(0, Math.ceil(asked)) : current
      const notes: string[] = []
      if (wanted < current && resting(cooldownDownMs)) {
        wanted = current
        notes.push(`none leaves within ${cooldownDownMs / 1000} s of the last change`)
      } else if (wanted > current && current > 0 && resting(cooldownUpMs)) {
        wanted = current
        notes.push(`none comes within ${cooldownUpMs / 1000} s of the last change`)
      }
      if (wanted < least)
        notes.push(
          least === min ? `at least ${min} are kept` : current === 0 ? 'one waits, so one instance starts' : 'one stays for those who ask',
        )
      if (wanted > max) notes.push(`${max} is the most that is allowed`)
      wanted = Math.min(max, Math.max(least, wanted))
      const bounds: Inputs = notes.length > 0 ? { asked } : {}
      return {
        wanted,
        asked,
        reason: notes.length > 0 ? `${reason.replace(/\.$/, '')}; ${notes.join('; ')}.` : reason,
        inputs: notes.length > 0 ? { ...inputs, ...bounds } : inputs,
        ...(isOld ? { isOld } : {}),
        // What was decided before is no change of now.
        state: { policy: next, changedAt: wanted === current || isOld ? state.changedAt : now },
      }
    },
  }
}
