/** The steps of a release, the present one marked by shape, word and colour. */
import { VisuallyHidden } from '@mantine/core'
import { ladderOf, type Rollout, type StepState } from '../../../src/resources/rollout-view.ts'

const SIGNS: Record<StepState, string> = { done: '✔', now: '●', held: '‖', failed: '✗', ahead: '○' }
const WORDS: Record<StepState, string> = { done: 'done', now: 'now', held: 'held here', failed: 'ended here', ahead: 'to come' }

export function Ladder({ rollout }: { readonly rollout: Rollout }) {
  return (
    <ol className="ladder" aria-label="Steps">
      {ladderOf(rollout, Date.now()).map(({ text, state, detail }, at) => (
        <li
          // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place
          key={at}
          className={state}
          aria-current={state === 'now' || state === 'held' ? 'step' : undefined}
        >
          <span aria-hidden>{SIGNS[state]}</span> <strong>{text.replace(' %', '\u202f%')}</strong>
          <VisuallyHidden> {WORDS[state]}</VisuallyHidden>
          {detail && <span className="secondary">{detail}</span>}
        </li>
      ))}
    </ol>
  )
}
