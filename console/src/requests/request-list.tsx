/**
 * Thousands of rows of which the screen shows forty: only those are in the document. Arrows, Home and End move between rows, Enter opens one;
 * the row that has the focus stays in the document wherever it is scrolled to.
 */
import { type KeyboardEvent, type MouseEvent, memo, useEffect, useMemo, useRef, useState } from 'react'
import { count, milliseconds } from '../shell/format.ts'
import { Link, navigate } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { useWidth } from '../shell/use-width.ts'
import { healthOf, OUTCOME_WORDS } from './explain.ts'
import type { Row } from './rows.ts'

const ROW_PX = 30
const NARROW_ROW_PX = 50
const NARROW_PX = 640
const BEYOND = 8
/** From here on the next page is asked for. */
const NEAR_END_PX = 600

export function RequestList(props: {
  readonly rows: readonly Row[]
  readonly chosen: string | undefined
  readonly href: (id: string) => string
  /** Whether somebody reads: the list is not at its top, or a row has the focus. */
  readonly onReading: (reading: boolean) => void
  readonly onNearEnd: () => void
  /** Grows with each wish to be at the top again. */
  readonly toTop: number
  readonly foot: React.ReactNode
}) {
  const { rows, chosen, href, onReading, onNearEnd, toTop, foot } = props
  const scroller = useRef<HTMLDivElement>(null)
  const width = useWidth(scroller)
  const narrow = width > 0 && width < NARROW_PX
  const height = narrow ? NARROW_ROW_PX : ROW_PX
  const [view, setView] = useState({ top: 0, height: 800 })
  const [focused, setFocused] = useState(false)
  const [activeId, setActiveId] = useState<string>()
  const focusNext = useRef(false)

  const activeAt = useMemo(() => {
    const at = activeId === undefined ? -1 : rows.findIndex(({ id }) => id === activeId)
    return at === -1 ? 0 : at
  }, [rows, activeId])
  const first = Math.max(0, Math.floor(view.top / height) - BEYOND)
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / height) + BEYOND)
  const shown = useMemo(() => {
    const indexes = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i)
    if (activeAt < rows.length && (activeAt < first || activeAt >= last)) indexes.push(activeAt)
    return indexes
  }, [first, last, activeAt, rows.length])
  const slowest = useMemo(() => Math.max(1, ...rows.slice(first, last).map(({ times }) => times.total)), [rows, first, last])

  const measure = () => {
    const element = scroller.current
    if (!element) return
    setView({ top: element.scrollTop, height: element.clientHeight })
    if (element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX && element.scrollTop > 0) onNearEnd()
  }
  const reading = view.top > 4 || focused
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when it changes, not when the listener does
  useEffect(() => onReading(reading), [reading])
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured anew when the size of the rows has changed
  useEffect(measure, [narrow, width])
  useEffect(() => {
    if (toTop === 0) return
    scroller.current?.scrollTo({ top: 0 })
    setActiveId(undefined)
    if (scroller.current?.contains(document.activeElement)) (document.activeElement as HTMLElement).blur()
  }, [toTop])
  useEffect(() => {
    if (!focusNext.current) return
    focusNext.current = false
    scroller.current?.querySelector<HTMLElement>(`[data-at="${activeAt}"] a`)?.focus({ preventScroll: true })
  }, [activeAt])

  const moveTo = (at: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, at))]
    const element = scroller.current
    if (!row || !element) return
    const index = rows.indexOf(row)
    if (index === activeAt) return
    focusNext.current = true
    setActiveId(row.id)
    const top = index * height
    const head = element.clientHeight - height * 2
    if (top < element.scrollTop) element.scrollTo({ top })
    else if (top > element.scrollTop + head) element.scrollTo({ top: top - head })
    measure()
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const page = Math.max(1, Math.floor(view.height / height) - 2)
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page }[event.key]
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? rows.length - 1 : step === undefined ? undefined : activeAt + step
    if (to === undefined) return
    event.preventDefault()
    moveTo(to)
  }
  const onClick = (row: Row) => (event: MouseEvent) => {
    if ((event.target as HTMLElement).closest('a, button') || getSelection()?.toString()) return
    setActiveId(row.id)
    navigate(href(row.id))
  }

  return (
    <div ref={scroller} className={narrow ? 'request-list narrow' : 'request-list'} onScroll={measure}>
      <table aria-label="Requests" aria-rowcount={rows.length + 1}>
        <thead>
          <tr className="request-row head" aria-rowindex={1}>
            {HEADINGS.map(({ heading, cell }) => (
              <th key={cell} scope="col" className={`cell ${cell}`}>
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody
          className="request-rows"
          style={{ height: rows.length * height }}
          onKeyDown={onKey}
          onFocus={() => setFocused(true)}
          onBlur={(event) => setFocused(event.currentTarget.contains(event.relatedTarget))}
        >
          {shown.map((at) => {
            const row = rows[at]!
            return (
              <tr
                key={row.id}
                data-at={at}
                aria-rowindex={at + 2}
                className={`request-row ${healthOf(row.outcome)}${row.id === chosen ? ' chosen' : ''}`}
                style={{ top: at * height, height }}
                onClick={onClick(row)}
              >
                <td className="cell time">
                  <Link href={href(row.id)} tabIndex={at === activeAt ? 0 : -1} onFocus={() => setActiveId(row.id)} title={row.time}>
                    {clock(row.at)}
                  </Link>
                </td>
                <Cells row={row} slowest={slowest} />
              </tr>
            )
          })}
        </tbody>
      </table>
      <div className="request-foot">{foot}</div>
    </div>
  )
}

/** A row that stays as it is is not drawn anew when others come above it. */
const Cells = memo(function Cells({ row, slowest }: { readonly row: Row; readonly slowest: number }) {
  const { outcome, status, route, model, consumer, times, tokens } = row
  return (
    <>
      <td className="cell outcome">
        <StateMark health={healthOf(outcome)} label="" /> {OUTCOME_WORDS[outcome]}
      </td>
      <td className="cell status">{status}</td>
      <td className="cell route">{route ?? <span className="quiet">{model ?? '–'}</span>}</td>
      <td className="cell version">
        <Version row={row} />
      </td>
      <td className="cell consumer">{consumer ?? <span className="quiet">unknown</span>}</td>
      <td className="cell first">{times.firstToken === undefined ? '' : milliseconds(times.firstToken)}</td>
      <td className="cell total">{milliseconds(times.total)}</td>
      <td className="cell tokens">{tokens ? `${count(tokens.in)} → ${count(tokens.out)}` : ''}</td>
      <td className="cell course">
        <Course row={row} slowest={slowest} />
      </td>
    </>
  )
})

const HEADINGS: readonly { readonly heading: string; readonly cell: string }[] = [
  { heading: 'Time', cell: 'time' },
  { heading: 'Outcome', cell: 'outcome' },
  { heading: 'Status', cell: 'status' },
  { heading: 'Route', cell: 'route' },
  { heading: 'Version or reason', cell: 'version' },
  { heading: 'Consumer', cell: 'consumer' },
  { heading: 'First token', cell: 'first' },
  { heading: 'Total', cell: 'total' },
  { heading: 'Tokens', cell: 'tokens' },
  { heading: 'Timing', cell: 'course' },
]

function Version({ row: { assigned, served, attempts, limit, error } }: { readonly row: Row }) {
  if (assigned === undefined) return <span className="quiet">{error ?? ''}</span>
  if (limit !== undefined) return <span className="quiet">limit {limit}</span>
  if (served !== undefined && served !== assigned)
    return (
      <span title={`assigned to ${assigned}, answered by ${served}`}>
        <s>{assigned}</s> {served}
      </span>
    )
  return (
    <>
      {assigned}
      {attempts.length > 1 && <span className="quiet"> · {attempts.length} attempts</span>}
    </>
  )
}

/** When it waited and when it was answered, on the scale of what is on the screen. */
function Course({ row, slowest }: { readonly row: Row; readonly slowest: number }) {
  const { firstToken, queue, total } = row.times
  const share = (ms: number) => `${Math.max(1, (100 * ms) / slowest)}%`
  const waited = Math.min(total, firstToken ?? queue ?? total)
  return (
    <span className="course-bar" style={{ width: share(total) }} aria-hidden>
      <i style={{ width: `${(100 * waited) / Math.max(total, 0.1)}%` }} />
    </span>
  )
}

function clock(at: number): string {
  const time = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`
}
