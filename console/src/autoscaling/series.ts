/** Minutes as a chart wants them: columns, with a hole where nothing was kept. Pure. */
import type { ScalingAnswer } from '../../../src/control/api/scaling.ts'

export type Point = ScalingAnswer['points'][number]
export type Value = (point: Point) => number | undefined

const MINUTE_MS = 60_000
/** One that is late by less belongs to its neighbour still. */
const HOLE_MS = 2 * MINUTE_MS

/** Seconds since the epoch, then each value; null is a hole. */
export function columnsOf(points: readonly Point[], values: readonly Value[]): (number | null)[][] {
  const columns: (number | null)[][] = [[], ...values.map(() => [])]
  let before: Point | undefined
  for (const point of points) {
    if (before && point.at - before.at > HOLE_MS) {
      columns[0]!.push((before.at + MINUTE_MS) / 1_000)
      for (const column of columns.slice(1)) column.push(null)
    }
    columns[0]!.push(point.at / 1_000)
    for (const [v, value] of values.entries()) columns[v + 1]!.push(value(point) ?? null)
    before = point
  }
  return columns
}

/** Instances that are there: those that serve and those that start. */
export const there = ({ ready, starting }: Point) => ready + starting

/** "12:05", or with the day where several are shown, of which midnight has no other name; as the clock of who looks. */
export function moment(seconds: number, hours: number): string {
  const at = new Date(seconds * 1_000)
  const time = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  if (hours <= 24) return time
  const day = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
  return time === '00:00' ? day : `${day} ${time}`
}
