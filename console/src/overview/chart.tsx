/** One small chart of the last minute: a heading that says the value now, a line or two under it. */
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { useWidth } from '../shell/use-width.ts'

export interface Line {
  readonly label: string
  readonly values: readonly (number | null)[]
  /** Name of a CSS variable that holds its colour. */
  readonly color: string
}

const HEIGHT = 96

export function Chart(props: {
  readonly title: string
  readonly now: string
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The axis reaches at least this far: a quiet minute is no mountain. */
  readonly least: number
}) {
  const { title, now, lines, format, least } = props
  const holder = useRef<HTMLDivElement>(null)
  const width = useWidth(holder)
  const plot = useRef<uPlot | null>(null)
  const scheme = useComputedColorScheme('light')
  const shape = lines.map(({ label }) => label).join()
  const formatRef = useRef(format)
  formatRef.current = format
  const linesRef = useRef(lines)
  linesRef.current = lines

  // biome-ignore lint/correctness/useExhaustiveDependencies: `scheme` re-reads the colours, `shape` re-makes the lines; values are set below
  useEffect(() => {
    if (width === 0 || !holder.current) return
    const css = getComputedStyle(document.documentElement)
    const color = (name: string) => css.getPropertyValue(name).trim()
    const made = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [6, 4, 7, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, least) * 1.15] } },
        axes: [
          { show: false },
          {
            stroke: color('--quiet'),
            grid: { stroke: color('--line'), width: 1 },
            ticks: { show: false },
            font: '10px system-ui, sans-serif',
            size: 46,
            gap: 4,
            splits: (_plot, _axis, _min, max) => [0, max / 2, max].map((value) => value / 1.15),
            values: (_plot, splits) => splits.map((value) => formatRef.current(value)),
          },
        ],
        series: [
          {},
          ...linesRef.current.map((line) => ({
            label: line.label,
            stroke: color(line.color),
            width: 1.5,
            points: { show: false },
            spanGaps: true,
          })),
        ],
      },
      dataOf(linesRef.current),
      holder.current,
    )
    plot.current = made
    return () => {
      made.destroy()
      plot.current = null
    }
  }, [width, scheme, shape, least])

  useEffect(() => plot.current?.setData(dataOf(lines)), [lines])

  return (
    <section className="chart" aria-label={`${title}: ${now}`}>
      <h3>
        {title}
        <span className="chart-now">{now}</span>
      </h3>
      <div ref={holder} style={{ height: HEIGHT }} aria-hidden />
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

function dataOf(lines: readonly Line[]): uPlot.AlignedData {
  const length = Math.max(1, ...lines.map(({ values }) => values.length))
  return [Array.from({ length }, (_, i) => i - length + 1), ...lines.map(({ values }) => [...values])] as uPlot.AlignedData
}
