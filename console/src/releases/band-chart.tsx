/** Two confidence bands that narrow as units come in, the newest at the right. For the eye: the numbers stand beside it. */
import type uPlot from 'uplot'
import type { MetricReport } from '../../../src/resources/comparison.ts'
import { inPercent } from '../../../src/resources/rollout-view.ts'
import { type Color, CourseEnds, Plot, valueAxis } from '../parts/index.ts'
import { spaced } from '../shell/format.ts'

export interface BandPoint {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** In percent. */
  readonly baseline: MetricReport['baseline']
  readonly candidate: MetricReport['candidate']
}

const HEIGHT = 132

export function BandChart(props: {
  readonly label: string
  /** In the order of time. */
  readonly points: readonly BandPoint[]
  readonly over: boolean
}) {
  const { label, points, over } = props
  return (
    <figure className="band-chart" aria-label={`${label} over time`}>
      {points.length > 1 ? (
        <>
          <Plot height={HEIGHT} data={dataOf(points)} draws={draws} />
          <CourseEnds from={points[0]!.at} to={points.at(-1)!.at} over={over} />
        </>
      ) : (
        <p className="band-nothing quiet" style={{ height: HEIGHT }}>
          Grows while this page is open.
        </p>
      )}
    </figure>
  )
}

/** Dashed and solid, as the lines before the names of the versions. */
function draws(color: Color): Pick<uPlot.Options, 'axes' | 'bands' | 'scales' | 'series'> {
  const arm = (name: string, dash?: number[]): uPlot.Series[] => [
    { stroke: `${color(name)}66`, width: 1, points: { show: false } },
    { stroke: `${color(name)}66`, width: 1, points: { show: false } },
    { stroke: color(name), width: 2, points: { show: false }, ...(dash ? { dash } : {}) },
  ]
  return {
    scales: { x: { time: false }, y: { range: ({ data }) => [0, topOf(data)] } },
    axes: [{ show: false }, valueAxis(color, (value) => spaced(inPercent(value)))],
    series: [{}, ...arm('--quiet', [4, 3]), ...arm('--accent')],
    bands: [
      { series: [2, 1], fill: `${color('--quiet')}2e` },
      { series: [5, 4], fill: `${color('--accent')}2e` },
    ],
  }
}

/** As high as the bands of late and all means need: the width of the first moment would flatten all that comes after it. */
function topOf([times, ...columns]: uPlot.AlignedData): number {
  const late = Math.floor(times.length / 2)
  const known = [columns[2], columns[5], columns[1]?.slice(late), columns[4]?.slice(late)].flatMap((column) => [...(column ?? [])])
  return Math.min(100, Math.max(0.1, ...known.filter((value) => typeof value === 'number')) * 1.1)
}

function dataOf(points: readonly BandPoint[]): uPlot.AlignedData {
  const column = (arm: 'baseline' | 'candidate', value: 'low' | 'high' | 'mean') =>
    points.map((point) => (point[arm].units > 0 ? point[arm][value] : null))
  const columns = (arm: 'baseline' | 'candidate') => [column(arm, 'low'), column(arm, 'high'), column(arm, 'mean')]
  return [points.map(({ at }) => at / 1_000), ...columns('baseline'), ...columns('candidate')] as uPlot.AlignedData
}
