/** A state in colour, shape and word: nobody has to tell green from red. */
export type Health = 'good' | 'busy' | 'bad' | 'idle'

const WORDS: Record<Health, string> = { good: 'healthy', busy: 'changing', bad: 'failing', idle: 'idle' }

const SHAPES: Record<Health, React.ReactNode> = {
  good: <circle cx="5" cy="5" r="4" />,
  busy: <path d="M5 0.8 9.4 8.8H.6z" />,
  bad: <path d="M1.2 1.2h7.6v7.6H1.2z" />,
  idle: <circle cx="5" cy="5" r="3.4" fill="none" strokeWidth="1.6" />,
}

/** `label` "": the word stands beside it, and the mark is for the eye alone. */
export function StateMark({ health, label, x, y }: { health: Health; label?: string; x?: number; y?: number }) {
  return (
    <svg
      className={`state-mark ${health}`}
      x={x}
      y={y}
      width="10"
      height="10"
      viewBox="0 0 10 10"
      role={label === '' ? undefined : 'img'}
      aria-label={label === '' ? undefined : (label ?? WORDS[health])}
      aria-hidden={label === ''}
    >
      {SHAPES[health]}
    </svg>
  )
}
