/** What was decided, the newest first; what each was made from, on demand. */
import { useState } from 'react'
import type { ScalingAnswer } from '../../../src/control/api/scaling.ts'
import { Ago, Panel } from '../parts/index.ts'

const SHOWN = 20

export function Decisions({ decisions }: { readonly decisions: ScalingAnswer['decisions'] }) {
  const [all, setAll] = useState(false)
  const newest = decisions.toReversed()
  return (
    <Panel title="Decisions">
      <ol className="scaling-decisions">
        {(all ? newest : newest.slice(0, SHOWN)).map(({ at, from, wanted, asked, reason, inputs, ready, starting }) => (
          <li key={at}>
            <span className="quiet">
              <Ago at={at} />
            </span>
            <strong>
              {from} → {wanted}
            </strong>
            <div className="reason">
              {reason}
              <details>
                <summary>Inputs</summary>
                <code>
                  {[...Object.entries(inputs), ['ready', ready], ['starting', starting], ['the policy alone', asked]]
                    .map(([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
                    .join(', ')}
                </code>
              </details>
            </div>
          </li>
        ))}
        {decisions.length === 0 && <li className="quiet">Nothing was changed in this time.</li>}
      </ol>
      {!all && newest.length > SHOWN && (
        <button type="button" className="plain" onClick={() => setAll(true)}>
          {newest.length - SHOWN} older ones
        </button>
      )}
    </Panel>
  )
}
