/**
 * Which instance of a version gets a request: the one of the lowest rank. The gateway chooses by it, and `strata simulate` as the gateway does.
 *
 * Least outstanding requests alone, as most balancers have it, is blind to how long prompts are. With long ones the same fleet misses an objective for the first
 * token 3 to 50 times as often by it as by this (docs/autoscaling.md, Dispatch).
 */
export interface Outstanding {
  /** Requests that it has and has not answered. */
  readonly inFlight: number
  /** Answers that it writes at the same time, at most. */
  readonly sequences: number
  /** Prompts that it has not read, in common ones. */
  readonly unread: number
}

/** A common prompt that is not read weighs as much as a quarter of all the answers that run at once: any weight from a twentieth to one does about as well. */
const PROMPT = 0.25

/** 0: nothing to do. 1: as many answers as run at once, and nothing to read. */
export function rankOf({ inFlight, sequences, unread }: Outstanding): number {
  return inFlight / sequences + PROMPT * unread
}
