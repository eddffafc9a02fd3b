/** How the effect of an arm has narrowed over time, as HTML around an SVG: the picture stretches with the page, its labels stay readable. Pure. */
import { escaped } from '../kernel/markup.ts'
import type { ArmStatus } from './experiment.ts'
import { signed } from './experiment-view.ts'

/** Milliseconds since the epoch; percentage points. */
type Point = NonNullable<ArmStatus['course']>[number]

/** Units of the picture, which has no size of its own. */
const SIDE = 1000
const HOUR_MS = 3_600_000

/** @param worth The smallest effect that is worth having, in points. */
export function courseChart(points: readonly Point[], { worth, label }: { readonly worth: number; readonly label: string }): string {
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last) return ''
  const { least, most } = scaleOf(points, worth)
  const x = (at: number) => round(last[0] === first[0] ? SIDE / 2 : ((at - first[0]) / (last[0] - first[0])) * SIDE)
  const y = (value: number) => round(((most - Math.min(most, Math.max(least, value))) / (most - least)) * SIDE)
  const along = (of: 1 | 2 | 3, from: readonly Point[]) => from.map((point) => `${x(point[0])} ${y(point[of])}`).join('L')
  const band = `M${along(3, points)}L${along(2, points.toReversed())}Z`
  const across = (name: string, value: number) => `<path class="${name}" d="M0 ${y(value)}H${SIDE}"/>`
  const shapes = [
    `<path class="band" d="${band}"/>`,
    across('none', 0),
    across('worth', worth),
    `<path class="value" d="M${along(1, points)}"/>`,
    `<path class="whisker" d="M${x(last[0])} ${y(last[3])}V${y(last[2])}"/>`,
    `<path class="dot" d="M${x(last[0])} ${y(last[1])}h0"/>`,
  ]
  const ticks = ticksBetween(least, most).map(
    (value) => `<span style="top:${round((y(value) / SIDE) * 100)}%">${value === 0 ? '0' : signed(value)}</span>`,
  )
  const span = last[0] - first[0]
  const times = span === 0 ? [last[0]] : [first[0], last[0]]
  return `<div class="chart" role="img" aria-label="${escaped(label)}">
<div class="ys" aria-hidden="true">${ticks.join('')}</div>
<svg viewBox="0 0 ${SIDE} ${SIDE}" preserveAspectRatio="none" aria-hidden="true">${shapes.join('')}</svg>
<div class="xs" aria-hidden="true">${times.map((at) => `<span>${stamp(at, span)}</span>`).join('')}</div>
</div>`
}

/** What is known last, no effect and the one that is worth having fill a half of the height: what was wider before is cut off. */
function scaleOf(points: readonly Point[], worth: number): { least: number; most: number } {
  const [, value, low, high] = points.at(-1)!
  const near = [0, worth, value, low, high]
  const [bottom, top] = [Math.min(...near), Math.max(...near)]
  const room = (top - bottom) / 2
  const ever = points.flatMap((point) => point.slice(1))
  return {
    least: Math.max(bottom - room, Math.min(bottom, ...ever) - room / 10),
    most: Math.min(top + room, Math.max(top, ...ever) + room / 10),
  }
}

/** Round numbers, about five of them. */
function ticksBetween(least: number, most: number): number[] {
  const rough = (most - least) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!
  const from = Math.ceil(least / step)
  return Array.from({ length: Math.floor(most / step) - from + 1 }, (_, i) => Number(((from + i) * step).toPrecision(6)))
}

/** UTC, to the second where all is within an hour. */
function stamp(at: number, span: number): string {
  const text = new Date(at).toISOString()
  return span > 0 && span < HOUR_MS ? text.slice(11, 19) : text.slice(0, 16).replace('T', ' ')
}

const round = (value: number) => Number(value.toFixed(1))
