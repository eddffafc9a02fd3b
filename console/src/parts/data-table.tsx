/**
 * A dense table. Each row leads somewhere by a real link in its first column; arrows, Home and End move between rows, Enter follows the link,
 * a click anywhere in the row does too. Narrow screens show a row as a block of names and values.
 */
import './data-table.css'
import { type KeyboardEvent, type MouseEvent, type ReactNode, useRef } from 'react'
import { Link, navigate } from '../shell/router.tsx'

export interface Column<Row> {
  readonly heading: string
  readonly cell: (row: Row) => ReactNode
  /** Numbers stand at the right. */
  readonly align?: 'right'
  /** Left out on a narrow screen: "narrow" below 700 px, "medium" below 1100 px. */
  readonly hide?: 'narrow' | 'medium'
  /** Has a line of its own on a narrow screen: it holds a sentence. */
  readonly full?: boolean
}

const CONTROLS = 'a, button, input, select, textarea, label, summary'

export function DataTable<Row>(props: {
  /** What it is a table of, for those who do not see it. */
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  readonly rowKey: (row: Row) => string
  /** Where a row leads. The first column's content becomes the link, so that it must hold no link of its own. */
  readonly href?: (row: Row) => string
  /** What a row opens instead of an address. */
  readonly onOpen?: (row: Row) => void
  /** Heading above the rows that have the same value; rows must be sorted by it. */
  readonly group?: (row: Row) => { readonly key: string; readonly heading: ReactNode }
  /** Marks a row: "bad" and "quiet" in colour, "chosen" as the one that is open. */
  readonly mark?: (row: Row) => string | undefined
  /** In place of rows. */
  readonly empty?: ReactNode
}) {
  const { label, rows, columns, rowKey, href, onOpen, group, mark, empty } = props
  const body = useRef<HTMLTableSectionElement>(null)

  const entries = () => [...(body.current?.querySelectorAll<HTMLElement>('[data-row-entry]') ?? [])]
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY, j: 1, k: -1 }[event.key]
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    const target = event.target as HTMLElement
    if (target.matches('input, select, textarea')) return
    const all = entries()
    const here = all.findIndex((entry) => entry.closest('tr')?.contains(target))
    if (all.length === 0 || here === -1) return
    event.preventDefault()
    all[Math.max(0, Math.min(all.length - 1, here + step))]?.focus()
  }
  const onClick = (row: Row) => (event: MouseEvent) => {
    if ((event.target as HTMLElement).closest(CONTROLS) || getSelection()?.toString()) return
    if (href) navigate(href(row))
    else onOpen?.(row)
  }
  const entry = (row: Row, content: ReactNode) => {
    if (href)
      return (
        <Link href={href(row)} className="row-entry" data-row-entry>
          {content}
        </Link>
      )
    if (onOpen)
      return (
        <button type="button" className="row-entry" data-row-entry onClick={() => onOpen(row)}>
          {content}
        </button>
      )
    return content
  }

  if (rows.length === 0 && empty !== undefined) return <p className="quiet table-empty">{empty}</p>
  const classOf = ({ align, hide, full }: Column<Row>) =>
    [align === 'right' ? 'number' : '', hide ? `hide-${hide}` : '', full ? 'full' : ''].filter(Boolean).join(' ') || undefined
  let groupBefore: string | undefined
  return (
    <table className="data-table" aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.heading} scope="col" className={classOf(column)}>
              {column.heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body} onKeyDown={onKey}>
        {rows.map((row) => {
          const head = group?.(row)
          const begins = head !== undefined && head.key !== groupBefore
          groupBefore = head?.key
          const key = rowKey(row)
          return [
            begins && (
              <tr key={`group ${head.key}`} className="group-row">
                <th colSpan={columns.length} scope="rowgroup">
                  {head.heading}
                </th>
              </tr>
            ),
            <tr
              key={key}
              className={[href || onOpen ? 'opens' : '', mark?.(row) ?? ''].join(' ').trim() || undefined}
              onClick={href || onOpen ? onClick(row) : undefined}
            >
              {columns.map((column, at) => (
                <td key={column.heading} className={classOf(column)} data-heading={column.heading}>
                  {at === 0 ? entry(row, column.cell(row)) : column.cell(row)}
                </td>
              ))}
            </tr>,
          ]
        })}
      </tbody>
    </table>
  )
}
