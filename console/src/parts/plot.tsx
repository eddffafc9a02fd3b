/** A chart as wide as its place, in the colours of the scheme. For the eye: what it shows stands in words beside it. */
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { withoutZeros } from '../shell/format.ts'
import { useWidth } from '../shell/use-width.ts'

/** The value of a CSS variable: "--accent". */
export type Color = (name: string) => string

export function Plot(props: {
  readonly height: number
  /** Seconds since the epoch, or any other place, then the values of each series. */
  readonly data: uPlot.AlignedData
  /** Axes, series and what is drawn beside them. Asked when the chart is made, that is when `shape`, the width or the scheme changes. */
  readonly draws: (color: Color) => Pick<uPlot.Options, 'axes' | 'bands' | 'hooks' | 'padding' | 'scales' | 'series'>
  readonly shape?: string
  /** Charts with the same one have one cursor; `onPoint` hears where it stands, as an index of `data`. */
  readonly cursor?: string
  readonly onPoint?: (at: number | undefined) => void
}) {
  const { height, data, shape = '', cursor } = props
  const holder = useRef<HTMLDivElement>(null)
  const width = useWidth(holder)
  const plot = useRef<uPlot | null>(null)
  const scheme = useComputedColorScheme('light')
  const latest = useRef(props)
  latest.current = props

  // biome-ignore lint/correctness/useExhaustiveDependencies: `scheme` re-reads the colours; values are set below
  useEffect(() => {
    if (width === 0 || !holder.current) return
    const css = getComputedStyle(document.documentElement)
    const { hooks, ...drawn } = latest.current.draws((name) => css.getPropertyValue(name).trim())
    const made = new uPlot(
      {
        width,
        height,
        padding: [7, 6, 6, 0],
        legend: { show: false },
        cursor:
          cursor === undefined
            ? { show: false }
            : { y: false, drag: { x: false, y: false }, points: { size: 5 }, sync: { key: cursor, setSeries: false } },
        ...drawn,
        hooks: { ...hooks, setCursor: [({ cursor: { idx } }) => latest.current.onPoint?.(idx ?? undefined)] },
      },
      latest.current.data,
      holder.current,
    )
    plot.current = made
    return () => {
      made.destroy()
      plot.current = null
    }
  }, [width, scheme, height, shape, cursor])

  useEffect(() => plot.current?.setData(data), [data])

  return <div ref={holder} style={{ height }} aria-hidden />
}

/** Upright, at the left. */
export function valueAxis(color: Color, format: (value: number) => string, more: uPlot.Axis = {}): uPlot.Axis {
  return {
    stroke: color('--quiet'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: FONT,
    size: 46,
    gap: 4,
    space: 26,
    values: (_plot, splits) => splits.map((value) => withoutZeros(format(value))),
    ...more,
  }
}

export const FONT = '10px system-ui, sans-serif'
