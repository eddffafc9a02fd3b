/** Text for a terminal of a certain width: pieces with a tone each, cut before they are coloured, so that no control sequence is cut in two. */
import type { Palette } from '../terminal.ts'

export type Tone = 'plain' | 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export interface Piece {
  readonly text: string
  readonly tone?: Tone
}
export type Line = readonly Piece[]

export function renderLine(line: Line, columns: number, colour: Palette): string {
  let left = columns
  let out = ''
  for (const { text, tone = 'plain' } of line) {
    if (left <= 0) break
    const characters = [...text]
    const shown = characters.length <= left ? text : `${characters.slice(0, left - 1).join('')}…`
    left -= Math.min(characters.length, left)
    out += tone === 'plain' ? shown : colour[tone](shown)
  }
  return out
}

export interface Column<Row> {
  readonly heading: string
  readonly cell: (row: Row) => Piece
  readonly align?: 'right'
}

/** As `formatTable`, in pieces. */
export function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): Line[] {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)))
  const widths = columns.map(({ heading }, i) => Math.max(heading.length, ...cells.map((line) => [...line[i]!.text].length)))
  const padded = (piece: Piece, i: number): Piece => {
    const gap = ' '.repeat(widths[i]! - [...piece.text].length)
    const after = i === columns.length - 1 ? '' : '  '
    return { ...piece, text: columns[i]!.align === 'right' ? `${gap}${piece.text}${after}` : `${piece.text}${gap}${after}` }
  }
  return [columns.map(({ heading }, i) => padded({ text: heading, tone: 'dim' }, i)), ...cells.map((line) => line.map(padded))]
}

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** The newest values as a row of bars, oldest first. `least`: a scale that is at least so high, so that a quiet minute is no mountain. */
export function sparkline(values: readonly (number | null)[], width: number, least: number): string {
  const shown = width <= 0 ? [] : values.slice(-width)
  const top = Math.max(least, ...shown.map((value) => value ?? 0))
  return shown
    .map((value) => (value === null || value <= 0 ? ' ' : BARS[Math.min(BARS.length - 1, Math.floor((value / top) * BARS.length))]!))
    .join('')
}
