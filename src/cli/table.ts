/** Columns as `kubectl` prints them: capital headings, two spaces between, numbers to the right. */
export interface Column<Row> {
  readonly heading: string
  readonly value: (row: Row) => string
  readonly align?: 'right'
  /** Only with `-o wide`. */
  readonly wide?: boolean
}

export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], wide = false): string {
  const shown = columns.filter((column) => wide || !column.wide)
  const cells = [shown.map(({ heading }) => heading), ...rows.map((row) => shown.map(({ value }) => value(row) || '–'))]
  const widths = shown.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)))
  return cells
    .map((line) =>
      line
        .map((cell, i) => (shown[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Name and value, one a line, the values below each other. */
export function formatFields(fields: readonly (readonly [name: string, value: string])[], indent = ''): string {
  const width = Math.max(0, ...fields.map(([name]) => name.length)) + 2
  return fields.map(([name, value]) => `${indent}${`${name}:`.padEnd(width + 1)}${value}`).join('\n')
}
