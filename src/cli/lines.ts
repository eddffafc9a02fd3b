/** Text for a terminal of a certain width: pieces with a tone each, cut before they are coloured, so that no control sequence is cut in two. */
import { type Palette, palette } from './terminal.ts'

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

/** Once, below each other: as wide as the terminal, or as it takes where there is none. */
export function printLines(linesFor: (columns: number) => readonly Line[]): void {
  const colour = palette()
  const columns = process.stdout.columns ?? Number.POSITIVE_INFINITY
  for (const line of linesFor(Math.min(columns, 120))) console.log(renderLine(line, columns, colour).trimEnd())
}

/** The last line says how much there would have been. */
export function fitted(lines: readonly Line[], rows: number): readonly Line[] {
  if (lines.length <= rows) return lines
  return [...lines.slice(0, Math.max(0, rows - 1)), [{ text: `… ${lines.length - rows + 1} more lines`, tone: 'dim' }]]
}

/** A sentence over as many lines as it takes; a word that is longer than a line is cut when it is drawn. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/ +/).filter(Boolean)) {
    if (line && [...line].length + 1 + [...word].length > columns) {
      lines.push(line)
      line = word
    } else line = line ? `${line} ${word}` : word
  }
  return line ? [...lines, line] : lines
}

export function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
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

/** How much of a whole there is. `share`: 0 to 1. Full only where it is all, empty only below a hundredth. */
export function shareBar(share: number, width: number): string {
  const exact = Math.min(1, Math.max(0, share)) * width
  const filled = share >= 1 ? width : share < 0.01 ? 0 : Math.min(width - 1, Math.max(1, Math.round(exact)))
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

/**
 * An interval on a scale from `least` to `most`, and where its middle is: "··├──●────┤····"; "◂" and "▸" where it goes on beyond the scale. `marks` stand
 * where the interval leaves them: "·│├──●─┊──┤··".
 */
export function intervalBar(
  { low, mean, high }: { readonly low: number; readonly mean: number; readonly high: number },
  { least, most }: { readonly least: number; readonly most: number },
  width: number,
  marks: readonly { readonly at: number; readonly sign: string }[] = [],
): string {
  const at = (value: number) => {
    const share = most > least ? (value - least) / (most - least) : 0.5
    return Math.round(Math.min(1, Math.max(0, share)) * (width - 1))
  }
  const [from, middle, to] = [at(low), at(mean), at(high)]
  const signs = new Map(marks.map((mark) => [at(mark.at), mark.sign]))
  return Array.from({ length: width }, (_, i) => {
    if (i === middle) return '●'
    if (i === from) return low < least ? '◂' : '├'
    if (i === to) return high > most ? '▸' : '┤'
    return signs.get(i) ?? (i > from && i < to ? '─' : '·')
  }).join('')
}
