/** How the effect of an arm has narrowed, with no difference and the smallest worthwhile one as lines. For the eye: the numbers stand beside it. */
import type { AlignedData } from 'uplot'
import { type ArmView, signed } from '../../../src/resources/experiment-view.ts'
import { CourseEnds, Plot, valueAxis } from '../parts/index.ts'
import { reachOf } from './reach.ts'

/** @param props.worth The smallest effect that is worth having, percentage points. */
export function CourseChart(props: {
  readonly label: string
  readonly course: ArmView['course']
  readonly worth: number
  readonly over: boolean
}) {
  const { label, course, worth, over } = props
  if (course.length < 2) return null
  const { least, most } = reachOf(course, worth)
  return (
    <figure className="course" aria-label={`${label} over time`}>
      <figcaption>Points better, over time</figcaption>
      <Plot
        height={150}
        data={dataOf(course, worth)}
        shape={`${least} ${most}`}
        draws={(color) => {
          const edge = { stroke: `${color('--accent')}66`, width: 1, points: { show: false } }
          return {
            scales: { x: { time: false }, y: { range: [least, most] } },
            axes: [{ show: false }, valueAxis(color, (value) => (value === 0 ? '0' : signed(value)))],
            series: [
              {},
              edge,
              edge,
              { stroke: color('--accent'), width: 2, points: { show: false } },
              { stroke: color('--quiet'), width: 1.5, points: { show: false } },
              { stroke: color('--second'), width: 1.5, dash: [4, 3], points: { show: false } },
            ],
            bands: [{ series: [2, 1], fill: `${color('--accent')}2e` }],
          }
        }}
      />
      <CourseEnds from={course[0]![0]} to={course.at(-1)![0]} over={over} />
    </figure>
  )
}

function dataOf(course: ArmView['course'], worth: number): AlignedData {
  const column = (at: 1 | 2 | 3) => course.map((point) => point[at])
  const flat = (value: number) => course.map(() => value)
  return [course.map(([at]) => at / 1_000), column(2), column(3), column(1), flat(0), flat(worth)]
}
