/**
 * What a policy did, as a picture that needs nothing else: load, instances wanted and there, misses. Colours follow the reader's light or dark.
 */
import { escaped } from '../../kernel/markup.ts'
import type { Outcome, TimelinePoint } from './scenario.ts'

const WIDTH = 960
const LEFT = 56
const RIGHT = 12
const PANEL = { load: 90, instances: 130, misses: 60 }
const GAP = 30
const HEIGHT = 58 + PANEL.load + PANEL.instances + PANEL.misses + 2 * GAP + 34

const STYLE = `
.strata{--ink:#1f2933;--soft:#6b7785;--grid:#e3e8ee;--paper:#fff;--load:#3b6fd4;--wanted:#c77700;--ready:#2f9e68;--miss:#cf3a3a;font:12px system-ui,sans-serif}
@media (prefers-color-scheme:dark){.strata{--ink:#e6eaf0;--soft:#93a0b0;--grid:#2c3642;--paper:#141a21;--load:#7ea6f5;--wanted:#e8a94a;--ready:#5fcf9a;--miss:#f27b7b}}
.strata .paper{fill:var(--paper)}.strata text{fill:var(--ink);font-variant-numeric:tabular-nums}.strata .soft{fill:var(--soft)}.strata .grid{stroke:var(--grid);stroke-width:1}
.strata path{fill:none;stroke-width:1.5}.strata .load{stroke:var(--load)}.strata .wanted{stroke:var(--wanted);stroke-dasharray:4 2}.strata .ready{stroke:var(--ready)}.strata .miss{fill:var(--miss);stroke:none}`

/** One policy. */
export function chartSvg(outcome: Outcome, title: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${svg(outcome, title)}\n`
}

/** Several, one below the other, with their figures. */
export function chartHtml(outcomes: readonly Outcome[], title: string): string {
  // One scale for all, or they could not be compared.
  const instances = Math.max(1, ...outcomes.map(mostInstances))
  const charts = outcomes.map((outcome) => `<figure>${svg(outcome, title, instances)}</figure>`).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>:root{color-scheme:light dark}body{margin:2rem auto;max-width:62rem;padding:0 1rem;font:14px system-ui,sans-serif}figure{margin:0 0 1.5rem}svg{width:100%;height:auto}</style></head>
<body><h1>${escaped(title)}</h1>
${charts}
</body></html>
`
}

function svg(outcome: Outcome, title: string, instances = mostInstances(outcome)): string {
  const points = outcome.timeline
  const last = points.at(-1)?.at ?? 1
  const x = (at: number) => LEFT + (at / last) * (WIDTH - LEFT - RIGHT)
  const seconds = points.length > 1 ? (points[1]!.at - points[0]!.at) / 1000 : 1
  const panels: string[] = []
  let top = 58
  const panel = (height: number, label: string, most: number, draw: (y: (value: number) => number) => string) => {
    const scale = niceTop(most)
    const y = (value: number) => top + height - (Math.min(value, scale) / scale) * height
    panels.push(
      `<text x="${LEFT}" y="${top - 8}" class="soft">${label}</text>`,
      ...[0, scale / 2, scale].map((value) => gridLine(y(value), tick(value))),
      draw(y),
    )
    top += height + GAP
  }
  panel(
    PANEL.load,
    'requests a second',
    highest(points, ({ arrivals }) => arrivals / seconds),
    (y) => line(points, 'load', x, ({ arrivals }) => y(arrivals / seconds)),
  )
  panel(
    PANEL.instances,
    'instances: <tspan fill="var(--wanted)">wanted (dashed)</tspan>, <tspan fill="var(--ready)">ready</tspan>',
    instances,
    (y) => steps(points, 'wanted', x, ({ wanted }) => y(wanted)) + steps(points, 'ready', x, ({ ready }) => y(ready)),
  )
  panel(PANEL.misses, 'misses, % of the requests', 100, (y) => bars(points, x, y))
  const every = markStep(last)
  const marks = Array.from({ length: Math.floor(last / every) + 1 }, (_, i) => i * every).map((at) => {
    const anchor = at === 0 ? 'start' : x(at) > WIDTH - RIGHT - 16 ? 'end' : 'middle'
    return `<text x="${x(at).toFixed(1)}" y="${HEIGHT - 12}" text-anchor="${anchor}" class="soft">${clock(at)}</text>`
  })
  const facts = `${(outcome.missShare * 100).toFixed(2)} % misses of ${outcome.requests.toLocaleString('en')} requests, ${outcome.instanceHours.toFixed(1)} instance-hours, ${outcome.meanInstances.toFixed(1)} instances in the mean, ${outcome.mostInstances} at most`
  return `<svg xmlns="http://www.w3.org/2000/svg" class="strata" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(`${outcome.policy}: ${facts}`)}">
<title>${escaped(title)}</title><style>${STYLE}</style><rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>
<text x="${LEFT}" y="20" font-weight="600">${escaped(outcome.policy)}</text><text x="${WIDTH - RIGHT}" y="20" text-anchor="end">${facts}</text>
${panels.join('\n')}
${marks.join('')}
</svg>`
}

const gridLine = (y: number, label: string) =>
  `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/><text x="${LEFT - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end" class="soft">${label}</text>`

type Reading = (point: TimelinePoint) => number

const line = (points: readonly TimelinePoint[], name: string, x: (at: number) => number, y: Reading) =>
  `<path class="${name}" d="${points.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point.at).toFixed(1)} ${y(point).toFixed(1)}`).join('')}"/>`

const steps = (points: readonly TimelinePoint[], name: string, x: (at: number) => number, y: Reading) =>
  `<path class="${name}" d="${points.map((point, i) => (i === 0 ? `M${x(point.at).toFixed(1)} ${y(point).toFixed(1)}` : `H${x(point.at).toFixed(1)}V${y(point).toFixed(1)}`)).join('')}"/>`

function bars(points: readonly TimelinePoint[], x: (at: number) => number, y: (value: number) => number): string {
  const width = points.length > 1 ? Math.max(0.5, x(points[1]!.at) - x(points[0]!.at)) : 1
  return points
    .filter(({ misses }) => misses > 0)
    .map(({ at, misses, arrivals }) => {
      // The end of a request may fall into a later point than its arrival.
      const high = y(arrivals > 0 ? Math.min(100, (100 * misses) / arrivals) : 100)
      return `<rect class="miss" x="${(x(at) - width).toFixed(1)}" y="${high.toFixed(1)}" width="${width.toFixed(1)}" height="${(y(0) - high).toFixed(1)}"/>`
    })
    .join('')
}

const mostInstances = ({ timeline }: Outcome) => highest(timeline, (point) => Math.max(point.wanted, point.ready))
const highest = (points: readonly TimelinePoint[], of: Reading) => points.reduce((most, point) => Math.max(most, of(point)), 0)

/** 1, 2 or 5 times a power of ten, at least as high. */
function niceTop(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value)!
}

const tick = (value: number) => String(Number(value.toPrecision(3)))

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const MOST_MARKS = 9
/** What a clock face, a day and a week are divided by. */
const MARK_STEPS = [
  ...[MINUTE_MS / 12, MINUTE_MS / 4, MINUTE_MS / 2],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 12, 24, 48, 96].map((hours) => hours * HOUR_MS),
]

/** Whole minutes or hours between two marks of the time. */
const markStep = (lastMs: number): number =>
  MARK_STEPS.find((step) => lastMs / step < MOST_MARKS) ?? Math.ceil(lastMs / MOST_MARKS / (24 * HOUR_MS)) * 24 * HOUR_MS

/** "2:30", hours and minutes, with seconds where there are some. */
function clock(ms: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const seconds = Math.round(ms / 1000)
  const rest = seconds % 60 === 0 ? '' : `:${two(seconds % 60)}`
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}${rest}`
}
