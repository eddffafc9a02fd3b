/** How the effect of an arm has narrowed, with no difference and the smallest worthwhile one as lines. For the eye: the numbers stand beside it. */
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { type ArmView, signed } from '../../../src/resources/experiment-view.ts'
import { lasting } from '../shell/format.ts'
import { useWidth } from '../shell/use-width.ts'
import { reachOf } from './reach.ts'

const HEIGHT = 150

/** @param props.worth The smallest effect that is worth having, percentage points. */
export function CourseChart(props: {
  readonly label: string
  readonly course: ArmView['course']
  readonly worth: number
  readonly over: boolean
}) {
  const { label, course, worth, over } = props
  const holder = useRef<HTMLDivElement>(null)
  const width = useWidth(holder)
  const plot = useRef<uPlot | null>(null)
  const scheme = useComputedColorScheme('light')
  const latest = useRef(course)
  latest.current = course
  const enough = course.length > 1

  // biome-ignore lint/correctness/useExhaustiveDependencies: `scheme` re-reads the colours; values are set below
  useEffect(() => {
    if (width === 0 || !holder.current || !enough) return
    const css = getComputedStyle(document.documentElement)
    const color = (name: string) => css.getPropertyValue(name).trim()
    const edge: uPlot.Series = { stroke: `${color('--accent')}66`, width: 1, points: { show: false } }
    const made = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [6, 4, 7, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false },
          y: {
            range: () => {
              const { least, most } = reachOf(latest.current, worth)
              return [least, most]
            },
          },
        },
        axes: [
          { show: false },
          {
            stroke: color('--quiet'),
            grid: { stroke: color('--line'), width: 1 },
            ticks: { show: false },
            font: '10px system-ui, sans-serif',
            size: 46,
            gap: 4,
            space: 28,
            values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : signed(value))),
          },
        ],
        series: [
          {},
          edge,
          edge,
          { stroke: color('--accent'), width: 2, points: { show: false } },
          { stroke: color('--quiet'), width: 1.5, points: { show: false } },
          { stroke: color('--second'), width: 1.5, dash: [4, 3], points: { show: false } },
        ],
        bands: [{ series: [2, 1], fill: `${color('--accent')}2e` }],
      },
      dataOf(latest.current, worth),
      holder.current,
    )
    plot.current = made
    return () => {
      made.destroy()
      plot.current = null
    }
  }, [width, scheme, enough, worth])

  useEffect(() => plot.current?.setData(dataOf(course, worth)), [course, worth])

  if (!enough) return null
  const [first, last] = [course[0]![0], course.at(-1)![0]]
  return (
    <figure className="course" aria-label={`${label} over time`}>
      <div ref={holder} style={{ height: HEIGHT }} aria-hidden />
      <p className="course-ends">
        <span>{over ? 'begin' : `${lasting(last - first)} ago`}</span>
        <span>{over ? `${lasting(last - first)} later` : 'now'}</span>
      </p>
    </figure>
  )
}

function dataOf(course: ArmView['course'], worth: number): uPlot.AlignedData {
  const column = (at: 1 | 2 | 3) => course.map((point) => point[at])
  const flat = (value: number) => course.map(() => value)
  return [course.map(([at]) => at / 1_000), column(2), column(3), column(1), flat(0), flat(worth)]
}
