/** What a change does, line by line: the same lines that `strata apply --dry-run` prints. */
import { differenceLines } from '../../../src/resources/difference-lines.ts'
import type { Difference } from '../../../src/store/difference.ts'

export function DifferenceView({ differences, label }: { readonly differences: readonly Difference[]; readonly label: string }) {
  const lines = differences.flatMap(({ path, before, after }) => differenceLines(before, after, path))
  if (lines.length === 0) return <p className="quiet">Nothing changes.</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, and the keyboard must reach what is hidden
    <section className="difference" aria-label={label} tabIndex={0}>
      {lines.map(({ sign, text }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity, and the list is never reordered
        <span key={at} className={sign === '+' ? 'added' : sign === '-' ? 'removed' : undefined}>
          {`${sign} ${text}\n`}
        </span>
      ))}
    </section>
  )
}
