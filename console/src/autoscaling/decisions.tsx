/** What was decided, the newest first; what each was made from, on demand. */
import type { ScalingAnswer } from '../../../src/control/api/scaling.ts'
import { Ago, NewestFirst, Panel } from '../parts/index.ts'
import { moment } from './series.ts'

type Decision = ScalingAnswer['decisions'][number]

export function Decisions({ decisions, hours }: { readonly decisions: readonly Decision[]; readonly hours: number }) {
  return (
    <Panel title="Decisions">
      <NewestFirst
        className="scaling-decisions"
        items={decisions}
        none="Nothing was changed in this time."
        row={({ at, from, wanted, reason, ...more }) => (
          <li key={at}>
            <span className="quiet">
              <Ago at={at} />
              <span className="secondary">{moment(at / 1_000, hours)}</span>
            </span>
            <strong>
              {from} → {wanted}
            </strong>
            <details className="reason">
              <summary>{reason}</summary>
              <code>{inputsInWords(more)}</code>
            </details>
          </li>
        )}
      />
    </Panel>
  )
}

function inputsInWords({ inputs, ready, starting, asked }: Pick<Decision, 'inputs' | 'ready' | 'starting' | 'asked'>): string {
  return [...Object.entries(inputs), ['ready', ready], ['starting', starting], ['the policy alone', asked]]
    .map(([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
    .join(', ')
}
