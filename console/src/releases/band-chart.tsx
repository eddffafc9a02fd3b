/** Two confidence bands that narrow as units come in, the newest at the right. For the eye: the numbers stand beside it. */
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import type { MetricReport } from '../../../src/resources/comparison.ts'
import { inPercent } from '../../../src/resources/rollout-view.ts'
import { lasting } from '../shell/format.ts'
import { useWidth } from '../shell/use-width.ts'

export interface BandPoint {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** In percent. */
  readonly baseline: MetricReport['baseline']
  readonly candidate: MetricReport['candidate']
}

const HEIGHT = 132
/** Dashed and solid besides, as the lines before the names of the versions. */
const COLORS = ['--quiet', '--accent'] as const

export function BandChart(props: {
  readonly label: string
  /** In the order of time. */
  readonly points: readonly BandPoint[]
}) {
  const { label, points } = props
  const holder = useRef<HTMLDivElement>(null)
  const width = useWidth(holder)
  const plot = useRef<uPlot | null>(null)
  const scheme = useComputedColorScheme('light')
  const latest = useRef(points)
  latest.current = points
  const enough = points.length > 1

  // biome-ignore lint/correctness/useExhaustiveDependencies: `scheme` re-reads the colours; values are set below
  useEffect(() => {
    if (width === 0 || !holder.current || !enough) return
    const css = getComputedStyle(document.documentElement)
    const color = (name: string) => css.getPropertyValue(name).trim()
    const arm = (name: string, dash?: number[]): uPlot.Series[] => [
      { stroke: `${color(name)}66`, width: 1, points: { show: false } },
      { stroke: `${color(name)}66`, width: 1, points: { show: false } },
      { stroke: color(name), width: 2, points: { show: false }, ...(dash ? { dash } : {}) },
    ]
    const made = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [6, 4, 7, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: () => [0, topOf(latest.current)] } },
        axes: [
          { show: false },
          {
            stroke: color('--quiet'),
            grid: { stroke: color('--line'), width: 1 },
            ticks: { show: false },
            font: '10px system-ui, sans-serif',
            size: 46,
            gap: 4,
            splits: (_plot, _axis, _min, max) => [0, max / 2, max],
            values: (_plot, splits) => splits.map(inPercent),
          },
        ],
        series: [{}, ...arm(COLORS[0], [4, 3]), ...arm(COLORS[1])],
        bands: [
          { series: [2, 1], fill: `${color(COLORS[0])}2e` },
          { series: [5, 4], fill: `${color(COLORS[1])}2e` },
        ],
      },
      dataOf(latest.current),
      holder.current,
    )
    plot.current = made
    return () => {
      made.destroy()
      plot.current = null
    }
  }, [width, scheme, enough])

  useEffect(() => plot.current?.setData(dataOf(points)), [points])

  return (
    <figure className="band-chart" aria-label={`${label} over time`}>
      <div ref={holder} style={{ height: HEIGHT }} aria-hidden>
        {!enough && <p className="band-nothing quiet">Grows while this page is open.</p>}
      </div>
      {enough && (
        <p className="band-ends">
          <span>{lasting(points.at(-1)!.at - points[0]!.at)} ago</span>
          <span>now</span>
        </p>
      )}
    </figure>
  )
}

/** As high as the bands of late and all means need: the width of the first moment would flatten all that comes after it. */
function topOf(points: readonly BandPoint[]): number {
  const arms = points.map(({ baseline, candidate }) => [baseline, candidate].filter(({ units }) => units > 0))
  const late = arms.slice(Math.floor(arms.length * 0.5))
  const most = Math.max(0.1, ...arms.flat().map(({ mean }) => mean), ...late.flat().map(({ high }) => high))
  return Math.min(100, most * 1.1)
}

function dataOf(points: readonly BandPoint[]): uPlot.AlignedData {
  const column = (arm: 'baseline' | 'candidate', value: 'low' | 'high' | 'mean') =>
    points.map((point) => (point[arm].units > 0 ? point[arm][value] : null))
  return [
    points.map(({ at }) => at / 1_000),
    column('baseline', 'low'),
    column('baseline', 'high'),
    column('baseline', 'mean'),
    column('candidate', 'low'),
    column('candidate', 'high'),
    column('candidate', 'mean'),
  ] as uPlot.AlignedData
}
