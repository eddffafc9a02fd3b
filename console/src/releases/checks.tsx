/** What is looked at besides requests: what each answered last. */
import { checkViews, type Rollout } from '../../../src/resources/rollout-view.ts'
import { Ago, Panel, Tag } from '../parts/index.ts'

const SIGNS = { good: '✔', bad: '✗', open: '○' } as const
const TONES = { good: 'good', bad: 'bad', open: 'busy' } as const

export function Checks({ rollout }: { readonly rollout: Rollout }) {
  const checks = checkViews(rollout)
  if (checks.length === 0) return null
  return (
    <Panel title="Checks">
      <ul className="events checks">
        {checks.map(({ name, word, tone, message, time }) => (
          <li key={name}>
            <strong>{name}</strong>
            <span className="reason">
              <Tag tone={TONES[tone]}>
                {SIGNS[tone]} {word}
              </Tag>{' '}
              {message}
            </span>
            <span className="quiet">{time !== undefined && <Ago at={time} />}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
