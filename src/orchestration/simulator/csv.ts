/** The cells of one line of CSV (RFC 4180): quotes around a cell, two for one within. A cell that holds a line's end is none of a trace. */
export function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',')
  const cells: string[] = []
  let at = 0
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*(?:,|$)/.exec(line.slice(at))
    const end = quoted ? at + quoted[0].length : endOfCell(line, at)
    cells.push(quoted ? quoted[1]!.replaceAll('""', '"') : line.slice(at, end).replace(/,$/, ''))
    if (line[end - 1] !== ',' || end <= at) return cells
    at = end
  }
}

/** Behind its comma. */
function endOfCell(line: string, from: number): number {
  const comma = line.indexOf(',', from)
  return comma === -1 ? line.length : comma + 1
}
