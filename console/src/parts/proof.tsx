/** How much of the evidence for a claim is there: a bar, and the same in words. */
import './evidence.css'

export function Proof(props: {
  readonly name: string
  /** 0 to 1 of the evidence that it takes. */
  readonly share: number
  readonly words: string
  readonly tone?: 'good' | 'bad'
}) {
  const { name, share, words, tone } = props
  return (
    <p className="proof">
      <span className="quiet">{name}</span>
      <span className={tone ? `proof-bar ${tone}` : 'proof-bar'} aria-hidden>
        <i style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
      </span>
      <span>{words}</span>
    </p>
  )
}
