/** What happened lately, from what the system tells of itself: changes by people, versions that changed state, processes that came back. Pure. */
import type { SystemStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import type { AuditEntry } from '../../../src/store/audit.ts'
import { deedOf, thingOf } from '../parts/deed.ts'

export type { AuditEntry }

export interface Happening {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly what: string
  readonly by: string
}

/** Who comes and goes is the audit log's business, not news. */
function tell(entry: AuditEntry): string | undefined {
  return entry.kind === 'Session' ? undefined : `${thingOf(entry)} ${deedOf(entry)}`
}

/** What a release does by itself; what a person tells it stands in the log. */
const OF_ITSELF = new Set(['Started', 'Weight', 'Promoted', 'RolledBack', 'TimedOut', 'Held', 'Released', 'Unready'])

/** The end of an experiment that stands in the log. */
const BY_A_PERSON = / has stopped it before it was decided\.$/

export function happenings(
  status: SystemStatus,
  versions: readonly Resource<'ModelVersion'>[],
  audit: readonly AuditEntry[],
  releases: readonly Resource<'Rollout'>[],
  experiments: readonly Resource<'Experiment'>[],
  most: number,
): Happening[] {
  const all: Happening[] = [
    ...audit.flatMap((entry) => {
      const what = tell(entry)
      return what === undefined ? [] : [{ id: `audit ${entry.id}`, at: entry.time, what, by: entry.actor }]
    }),
    ...versions.flatMap((version) =>
      (version.status?.conditions ?? [])
        .filter(({ type }) => type === 'Ready')
        .map((condition) => ({
          id: `condition ${version.metadata.uid}`,
          at: Date.parse(condition.lastTransitionTime),
          what: `${version.spec.model}@${version.spec.version} ${condition.status === 'True' ? 'is ready' : `is not ready: ${condition.message || condition.reason}`}`,
          by: 'control',
        })),
    ),
    ...releases.flatMap(({ metadata, status: release }) =>
      (release?.history ?? [])
        .toReversed()
        .filter(({ event }) => OF_ITSELF.has(event))
        .map(({ time, event, message }) => ({
          id: `release ${metadata.uid} ${time} ${event}`,
          at: Date.parse(time),
          what: `release ${metadata.name}: ${firstSentence(message)}`,
          by: 'control',
        })),
    ),
    ...experiments.flatMap(({ metadata, status: experiment }) =>
      (experiment?.history ?? [])
        .toReversed()
        .filter(({ message }) => !BY_A_PERSON.test(message))
        .map(({ time, event, message }) => ({
          id: `experiment ${metadata.uid} ${time} ${event}`,
          at: Date.parse(time),
          what: `experiment ${metadata.name}: ${firstSentence(message)}`,
          by: 'control',
        })),
    ),
    ...versions.flatMap(({ metadata, spec, status: version }) => {
      const scaling = spec.scaling?.policy && version?.scaling
      if (!scaling) return []
      const wanted = `${scaling.wanted} ${scaling.wanted === 1 ? 'instance' : 'instances'} wanted`
      return [
        {
          id: `scaling ${metadata.uid}`,
          at: Date.parse(scaling.since),
          what: `${spec.model}@${spec.version}: ${wanted}: ${firstSentence(scaling.reason)}`,
          by: 'control',
        },
      ]
    }),
    ...status.processes
      .filter(({ restarts }) => restarts > 0)
      .map(({ name, since, state, lastEnd }) => ({
        id: `process ${name}`,
        at: since,
        what: `${name} ${state === 'ready' ? 'came back' : state}${lastEnd ? ` after: ${lastEnd}` : ''}`,
        by: 'supervisor',
      })),
  ]
  return all
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => b.at - a.at)
    .slice(0, most)
}

const firstSentence = (message: string) => message.split('. ')[0]!.replace(/\.$/, '')
