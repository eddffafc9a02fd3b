/** Means of two that are compared, and what each lies between, drawn on one scale. */
import './evidence.css'
import { VisuallyHidden } from '@mantine/core'
import { count } from '../shell/format.ts'

export interface BandRow {
  readonly name: string
  readonly units: number
  readonly mean: number
  readonly low: number
  readonly high: number
  /** As people read them: "0.81 %" and "0.6–1.1 %". */
  readonly value: string
  readonly range: string
}

/** The first row is what the second is compared with. */
export function BandTable(props: {
  readonly label: string
  readonly heading: string
  readonly rows: readonly [BandRow, BandRow]
  readonly scale: { readonly least: number; readonly most: number }
}) {
  const { label, heading, rows, scale } = props
  const { least, most } = scale
  const place = (value: number) => (most > least ? (100 * (value - least)) / (most - least) : 50)
  return (
    <table className="arms" aria-label={label}>
      {/* So that tables below each other are one. */}
      <colgroup>
        <col />
        <col className="arm-mean" />
        <col className="arm-picture" />
        <col className="arm-range" />
        <col className="arm-units" />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">{heading}</th>
          <th scope="col">Mean</th>
          <th scope="col">
            <VisuallyHidden>Picture of the interval</VisuallyHidden>
          </th>
          <th scope="col" title="With a chance of 95 % it lies between these at every moment that one looks">
            Lies between
          </th>
          <th scope="col">Units</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, units, mean, low, high, value, range }, at) => {
          const tone = at === 0 ? 'baseline' : 'candidate'
          return (
            <tr key={tone}>
              <th scope="row">
                <i className={`arm-line ${tone}`} aria-hidden /> {name}
              </th>
              <td>{value}</td>
              <td className="arm-picture">
                {units > 0 && (
                  <span className={`interval ${tone}`} aria-hidden>
                    <i style={{ left: `${place(low)}%`, right: `${100 - place(high)}%` }} />
                    <b style={{ left: `${place(mean)}%` }} />
                  </span>
                )}
              </td>
              <td className="quiet">{range}</td>
              <td className="quiet">{count(units)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
