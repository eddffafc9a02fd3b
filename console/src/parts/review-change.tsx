/**
 * A change before it is made: what control says it would do (`apply` as a dry run), then doing it. It is made on the generation that was
 * looked at; when somebody has changed the thing since, nothing is written and it is said.
 */
import { Button } from '@mantine/core'
import { useEffect, useId, useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import type { ResourceChange } from '../../../src/store/resources.ts'
import { ApiError, applyDocuments } from '../api/client.ts'
import { labelOf, type Manifest, writtenOf } from '../api/resources.ts'
import { useAction } from './action.tsx'
import { DifferenceView } from './difference-view.tsx'
import { ProblemNote } from './problem-note.tsx'

export function ReviewChange(props: {
  /** "Change of Route/assistant" */
  readonly title: string
  /** The resource that the change was made on. */
  readonly base: Resource
  readonly document: Manifest
  /** What the button says. */
  readonly verb?: string
  /** What the other button says. */
  readonly cancel?: string
  readonly onApplied: (after: Resource) => void
  readonly onCancel: () => void
  /** Asked for when somebody else was faster: shows what it is now. */
  readonly onStale: () => void
}) {
  const { title, base, document, verb = 'Apply', cancel = 'Go on editing', onApplied, onCancel, onStale } = props
  const id = useId()
  const [planned, setPlanned] = useState<ResourceChange>()
  const planning = useAction()
  const applying = useAction()
  const generation = base.metadata.generation ?? 0
  const label = labelOf(base)

  // biome-ignore lint/correctness/useExhaustiveDependencies: a change is planned once; another one is another review
  useEffect(() => {
    void planning
      .run(() => applyDocuments([document], { dryRun: true, generations: { [label]: generation } }))
      .then((changes) => setPlanned(changes?.[0]))
  }, [])

  const apply = async () => {
    const changes = await applying.run(() => applyDocuments([document], { generations: { [label]: generation } }))
    const after = changes?.[0]?.after
    if (after) onApplied(after)
  }
  const error = applying.error ?? planning.error
  const stale = error instanceof ApiError && error.code === 'conflict'
  const nothing = planned?.action === 'unchanged'
  return (
    <section className="review" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {planned && (
        <DifferenceView differences={[{ path: [], before: writtenOf(planned.before), after: writtenOf(planned.after) }]} label={title} />
      )}
      {error !== undefined && <ProblemNote error={error} />}
      <div className="actions">
        {stale ? (
          <Button key="stale" size="xs" onClick={onStale} autoFocus>
            Show what it is now
          </Button>
        ) : (
          planned &&
          !nothing && (
            <Button key="apply" size="xs" onClick={apply} loading={applying.busy} autoFocus>
              {verb}
            </Button>
          )
        )}
        <Button size="xs" variant="default" onClick={onCancel}>
          {nothing ? 'Close' : cancel}
        </Button>
        {planned && !nothing && !stale && generation > 0 && <span className="quiet hint">made on generation {generation}</span>}
      </div>
    </section>
  )
}
