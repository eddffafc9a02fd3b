/** How much of the traffic the new version has: for the eye only, the numbers stand beside it. */
export function WeightBar({ weight }: { readonly weight: number }) {
  return (
    <span className="weight-bar" aria-hidden>
      <i style={{ width: `${weight}%` }} />
    </span>
  )
}
