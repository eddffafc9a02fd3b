/** Weights as a bar: for the eye only, the numbers stand beside it. */
import type { Target } from './weights.ts'

export function ShareBar({ targets }: { readonly targets: readonly Target[] }) {
  return (
    <span className="share-bar" aria-hidden>
      {targets.map(({ version, weight }, at) => (
        <i key={version} style={{ flexGrow: weight, opacity: Math.max(0.25, 1 - at * 0.35) }} />
      ))}
    </span>
  )
}
