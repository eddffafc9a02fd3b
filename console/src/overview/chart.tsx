/** One small chart of the last minute: a heading that says the value now, a line or two under it. */
import type { AlignedData } from 'uplot'
import { Plot, valueAxis } from '../parts/index.ts'

export interface Line {
  readonly label: string
  readonly values: readonly (number | null)[]
  /** Name of a CSS variable that holds its colour. */
  readonly color: string
}

export function Chart(props: {
  readonly title: string
  readonly now: string
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The axis reaches at least this far: a quiet minute is no mountain. */
  readonly least: number
}) {
  const { title, now, lines, format, least } = props
  return (
    <section className="chart" aria-label={`${title}: ${now}`}>
      <h3>
        {title}
        <span className="chart-now">{now}</span>
      </h3>
      <Plot
        height={96}
        data={dataOf(lines)}
        shape={`${lines.map(({ label }) => label)} ${least}`}
        draws={(color) => ({
          scales: { x: { time: false }, y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, least) * 1.15] } },
          axes: [{ show: false }, valueAxis(color, format, { splits: (_plot, _axis, _min, max) => [0, max / 2.3, max / 1.15] })],
          series: [{}, ...lines.map((line) => ({ stroke: color(line.color), width: 1.5, points: { show: false }, spanGaps: true }))],
        })}
      />
      <p className="chart-ends">
        <span>{Math.max(1, ...lines.map(({ values }) => values.length))}&#8239;s ago</span>
        <span>now</span>
      </p>
      {lines.length > 1 && (
        <p className="chart-legend">
          {lines.map(({ label, color }) => (
            <span key={label}>
              <i style={{ background: `var(${color})` }} /> {label}
            </span>
          ))}
        </p>
      )}
    </section>
  )
}

function dataOf(lines: readonly Line[]): AlignedData {
  const length = Math.max(1, ...lines.map(({ values }) => values.length))
  return [Array.from({ length }, (_, i) => i - length + 1), ...lines.map(({ values }) => [...values])] as AlignedData
}
