import { expect, it } from 'vitest'
import { columnsOf, moment, type Point, there } from './series.ts'

const point = (minute: number, more: Partial<Point> = {}): Point => ({
  at: minute * 60_000,
  concurrency: minute,
  arrivals: 0,
  queued: 0,
  wanted: 1,
  ready: 1,
  starting: 0,
  misses: 0,
  ...more,
})

it('minutes that follow each other are one line, and a hole is none', () => {
  const points = [point(1), point(2), point(7, { starting: 2, firstTokenP95Ms: 80 })]
  expect(columnsOf(points, [({ concurrency }) => concurrency, there, ({ firstTokenP95Ms }) => firstTokenP95Ms])).toEqual([
    [60, 120, 180, 420],
    [1, 2, null, 7],
    [1, 1, null, 3],
    [null, null, null, 80],
  ])
})

it('a moment says as much as the range needs', () => {
  const at = (hour: number) => new Date(2026, 0, 5, hour).getTime() / 1_000
  expect([moment(at(9), 24), moment(at(9), 168), moment(at(0), 168)]).toEqual(['09:00', '5 Jan 09:00', '5 Jan'])
})
