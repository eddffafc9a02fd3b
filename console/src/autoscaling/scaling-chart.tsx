/** Values of a version over hours; where the pointer is, all charts say theirs. For the eye: decisions stand in a table. */
import { useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import { type Color, FONT, Plot, valueAxis } from '../parts/index.ts'
import { columnsOf, moment, type Point, type Value } from './series.ts'

export interface Line {
  readonly label: string
  readonly value: Value
  /** Name of a CSS variable that holds its colour. */
  readonly color: string
  readonly dashed?: boolean
}

const TICK = { width: 1, height: 5 }

export function ScalingChart(props: {
  readonly title: string
  readonly points: readonly Point[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The axis reaches at least this far. */
  readonly least: number
  readonly steps?: boolean
  /** Moments that are ticks at its foot, milliseconds since the epoch. */
  readonly marks?: readonly number[]
  readonly hours: number
}) {
  const { title, points, lines, hours, least, format, steps = false, marks = [] } = props
  const [under, setUnder] = useState<number>()
  const ticks = useRef(marks)
  ticks.current = marks
  const columns = useMemo(() => {
    const values = lines.map(({ value }) => value)
    return columnsOf(points, values)
  }, [points, lines])
  const time = under === undefined ? undefined : columns[0]?.[under]
  return (
    <figure className="scaling-chart" aria-label={title}>
      <figcaption>
        <span>
          {title}
          {typeof time === 'number' && <span className="quiet"> {moment(time, hours)}</span>}
        </span>
        <span className="scaling-legend">
          {lines.map(({ label, color, dashed }, at) => (
            <span key={label}>
              <i style={{ borderTop: `2px ${dashed ? 'dashed' : 'solid'} var(${color})` }} aria-hidden /> {label}
              {typeof time === 'number' && <strong> {shown(columns[at + 1]?.[under!], format)}</strong>}
            </span>
          ))}
        </span>
      </figcaption>
      <Plot
        height={132}
        data={columns as uPlot.AlignedData}
        shape={[hours, points.length < 3, ...lines.map(({ label }) => label)].join()}
        cursor="scaling"
        onPoint={setUnder}
        draws={(color) => {
          const stepped = steps ? uPlot.paths.stepped?.({ align: 1 }) : undefined
          return {
            padding: [8, 16, 4, 0],
            scales: {
              x: { range: () => [Date.now() / 1_000 - hours * 3_600, Date.now() / 1_000] },
              y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, least) * 1.1] },
            },
            axes: [timeAxis(color, hours), valueAxis(color, (value) => shown(value, format), { size: 52, ...(steps ? WHOLE : {}) })],
            series: [
              {},
              ...lines.map(
                (line): uPlot.Series => ({
                  stroke: color(line.color),
                  width: 1.5,
                  points: { show: points.length < 3, size: 4 },
                  ...(line.dashed ? { dash: [5, 4] } : {}),
                  ...(stepped ? { paths: stepped } : {}),
                }),
              ),
            ],
            hooks: { draw: [(plot) => drawTicks(plot, ticks.current, color('--quiet'))] },
          }
        }}
      />
    </figure>
  )
}

const WHOLE = { incrs: [1, 2, 5, 10, 20], space: 20 }
const [MINUTE, HOUR, DAY] = [60, 3_600, 86_400]
const INCREMENTS = [5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR]

function timeAxis(color: Color, hours: number): uPlot.Axis {
  return {
    stroke: color('--quiet'),
    grid: { show: false },
    ticks: { show: false },
    font: FONT,
    size: 20,
    incrs: hours > 24 ? [DAY, 2 * DAY] : INCREMENTS,
    space: 50,
    values: (_plot, splits) => splits.map((value) => moment(value, hours)),
  }
}

function drawTicks({ ctx, bbox, valToPos }: uPlot, marks: readonly number[], color: string): void {
  ctx.save()
  ctx.fillStyle = color
  const [width, height] = [TICK.width * devicePixelRatio, TICK.height * devicePixelRatio]
  for (const mark of marks) {
    const x = Math.round(valToPos(mark / 1_000, 'x', true))
    if (x >= bbox.left && x <= bbox.left + bbox.width) ctx.fillRect(x, bbox.top + bbox.height - height, width, height)
  }
  ctx.restore()
}

const shown = (value: number | null | undefined, format: (value: number) => string) =>
  value === null || value === undefined ? '–' : value === 0 ? '0' : format(value)
