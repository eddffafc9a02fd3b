/** An experiment with all that it may show, for the tests of what is made of it. */
import type { ArmStatus } from './experiment.ts'
import type { Experiment } from './experiment-view.ts'
import { KINDS } from './index.ts'

export const NOW = Date.UTC(2026, 0, 5, 12)
export const ago = (seconds: number) => new Date(NOW - seconds * 1_000).toISOString()

type Status = NonNullable<Experiment['status']>

const DAY = 86_400
const band = (units: number, mean: number, low: number, high: number) => ({ units, mean, low, high })

/** Not decided; its interval holds for large numbers. */
export const short: ArmStatus = {
  name: 'short',
  exposed: 2_106,
  effect: { value: 1.2, low: -0.4, high: 2.8, by: 'asymptotic', p: 0.118, saved: 0.43 },
  better: 0.313,
  worse: 0,
  futile: 0.12,
  metrics: [
    {
      name: 'feedback',
      baseline: band(2_050, 28.8, 27.5, 30.1),
      candidate: band(2_060, 27.6, 26.2, 28.9),
      harm: 0,
      safety: 0.31,
      verdict: 'undecided',
    },
    {
      name: 'errorRate',
      baseline: band(2_104, 0.9, 0.6, 1.3),
      candidate: band(2_106, 0.81, 0.5, 1.2),
      harm: 0,
      safety: 1,
      verdict: 'safe',
    },
    {
      name: 'totalTime p95',
      baseline: band(2_090, 5.1, 4.2, 6.3),
      candidate: band(2_091, 6.6, 4.4, 9.1),
      threshold: 1_240,
      harm: 0.48,
      safety: 0.2,
      missing: 11_696,
      verdict: 'undecided',
    },
    { name: 'tokensPerAnswer', baseline: band(2_104, 41, 40, 42), candidate: band(2_106, 12, 11, 13), verdict: 'watched' },
  ],
  course: [8, 4, 2, 1, 0].map(
    (days, i) => [NOW - days * DAY * 375, 2 - i / 5, -40 / 3 ** i, 4 + 40 / 3 ** i] as [number, number, number, number],
  ),
}

/** Stopped. */
export const blunt: ArmStatus = {
  name: 'blunt',
  exposed: 340,
  effect: { value: -9.6, low: -18, high: 0, by: 'exact', p: 0.0004 },
  better: 0,
  worse: 1,
  futile: 1,
  metrics: [{ name: 'feedback', baseline: band(338, 29, 26, 33), candidate: band(336, 39, 35, 43), harm: 1, safety: 0, verdict: 'harm' }],
  stopped: 'harm',
  stoppedBecause:
    'blunt is worse: dissatisfied with their answers are, of those who said so, 39 % of 336 there and 29 % of 338 on control at the same time.',
  course: [[NOW - 3 * DAY * 1_000, -9.6, -18, 0]],
}

const status: Status = {
  conditions: [],
  phase: 'Running',
  startedAt: ago(4 * DAY),
  dividedAt: ago(3 * DAY),
  message:
    'short: +1.2 points (−0.4 to 2.8, p 0.12). If it is better than control by 2 points, about 3,000 more callers or requests show it.',
  arms: [{ name: 'control', exposed: 2_104 }, short, blunt],
  sampleRatio: { p: 0.42 },
  prepared: 1_234,
  history: [
    { time: ago(4 * DAY), event: 'Preparing', message: 'Callers are watched for 1d; all go where the route says.' },
    { time: ago(3 * DAY), event: 'Running', message: 'Callers are divided between the arms; 1,234 callers are known from before.' },
    { time: ago(7_300), event: 'StoppedForHarm', message: 'blunt is worse.' },
  ],
}

export function exampleExperiment(more: Partial<Status> = {}, spec: object = {}): Experiment {
  return {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Experiment',
    metadata: { name: 'shorter', namespace: 'default' },
    spec: KINDS.Experiment.spec.parse({
      route: 'assistant',
      assignBy: { header: 'x-user-id', else: 'consumer' },
      arms: [
        { name: 'control', version: 'assistant-v1', weight: 40 },
        {
          name: 'short',
          version: 'assistant-v1',
          weight: 40,
          prompt: { system: 'Answer in one sentence.' },
          sampling: { topP: 0.9, maxTokens: 64 },
        },
        { name: 'blunt', version: 'assistant-v2', weight: 20 },
      ],
      primary: { name: 'feedback', minimumEffect: 2 },
      guardrails: [{ name: 'errorRate' }, { name: 'totalTime' }, { name: 'tokensPerAnswer', most: 512, watch: true }],
      preparation: '1d',
      ...spec,
    }),
    status: { ...status, ...more },
  }
}
