/** One value of a version over hours, with the moments of decisions as marks. For the eye: decisions stand in a table. */
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { useWidth } from '../shell/use-width.ts'
import { columnsOf, moment, type Point, type Value } from './series.ts'

export interface Line {
  readonly label: string
  readonly value: Value
  /** Name of a CSS variable that holds its colour. */
  readonly color: string
  readonly dashed?: boolean
}

const HEIGHT = 132

export function ScalingChart(props: {
  readonly title: string
  readonly points: readonly Point[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The axis reaches at least this far. */
  readonly least: number
  readonly steps?: boolean
  /** Milliseconds since the epoch. */
  readonly marks: readonly number[]
  readonly hours: number
}) {
  const { title, points, lines, hours, marks } = props
  const holder = useRef<HTMLDivElement>(null)
  const width = useWidth(holder)
  const plot = useRef<uPlot | null>(null)
  const scheme = useComputedColorScheme('light')
  const latest = useRef(props)
  latest.current = props

  // biome-ignore lint/correctness/useExhaustiveDependencies: `scheme` re-reads the colours; the rest is read where it is drawn
  useEffect(() => {
    if (width === 0 || !holder.current) return
    const css = getComputedStyle(document.documentElement)
    const color = (name: string) => css.getPropertyValue(name).trim()
    const { steps } = latest.current
    const stepped = uPlot.paths.stepped?.({ align: 1 })
    const made = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [8, 8, 4, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, range: () => [Date.now() / 1_000 - latest.current.hours * 3_600, Date.now() / 1_000] },
          y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, latest.current.least) * 1.1] },
        },
        axes: [
          {
            stroke: color('--quiet'),
            grid: { show: false },
            ticks: { show: false },
            font: '10px system-ui, sans-serif',
            size: 20,
            incrs: [300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400],
            space: hours > 24 ? 110 : 60,
            values: (_plot, splits) => splits.map((value) => moment(value, latest.current.hours)),
          },
          {
            stroke: color('--quiet'),
            grid: { stroke: color('--line'), width: 1 },
            ticks: { show: false },
            font: '10px system-ui, sans-serif',
            size: 52,
            gap: 4,
            ...(steps ? { incrs: [1, 2, 5, 10, 20] } : {}),
            space: 34,
            values: (_plot, splits) => splits.map((value) => latest.current.format(value)),
          },
        ],
        series: [
          {},
          ...latest.current.lines.map(
            (line): uPlot.Series => ({
              stroke: color(line.color),
              width: 1.5,
              points: { show: latest.current.points.length < 3, size: 4 },
              ...(line.dashed ? { dash: [5, 4] } : {}),
              ...(steps && stepped ? { paths: stepped } : {}),
            }),
          ),
        ],
        hooks: {
          drawClear: [
            ({ ctx, bbox, valToPos }) => {
              ctx.save()
              ctx.fillStyle = `${color('--quiet')}66`
              for (const mark of latest.current.marks) {
                const x = valToPos(mark / 1_000, 'x', true)
                if (x >= bbox.left && x <= bbox.left + bbox.width) ctx.fillRect(Math.round(x), bbox.top, 1, bbox.height)
              }
              ctx.restore()
            },
          ],
        },
      },
      dataOf(latest.current),
      holder.current,
    )
    plot.current = made
    return () => {
      made.destroy()
      plot.current = null
    }
  }, [width, scheme, hours, points.length < 3])

  // biome-ignore lint/correctness/useExhaustiveDependencies: marks are read where they are drawn
  useEffect(() => plot.current?.setData(dataOf(latest.current)), [points, marks])

  return (
    <figure className="scaling-chart" aria-label={title}>
      <figcaption>
        {title}
        <span className="scaling-legend">
          {lines.map(({ label, color, dashed }) => (
            <span key={label}>
              <i style={{ borderTop: `2px ${dashed ? 'dashed' : 'solid'} var(${color})` }} aria-hidden /> {label}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={holder} style={{ height: HEIGHT }} aria-hidden />
    </figure>
  )
}

function dataOf({ points, lines }: { readonly points: readonly Point[]; readonly lines: readonly Line[] }): uPlot.AlignedData {
  return columnsOf(
    points,
    lines.map(({ value }) => value),
  ) as uPlot.AlignedData
}
