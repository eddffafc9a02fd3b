/** What `strata rollout get` shows: the ladder, both versions side by side, what is proven and what is missing. Pure. */
import { formatAge } from '../../kernel/units.ts'
import type { Resource } from '../../resources/index.ts'
import {
  checkViews,
  type Evidence,
  grouped,
  inPercent,
  ladderOf,
  type MetricView,
  metricViews,
  type Phase,
  phaseOf,
  type Rollout,
  type StepState,
  scaleOf,
  shortNumber,
  stepInWords,
} from '../../resources/rollout-view.ts'
import { eventLines } from '../event-lines.ts'
import { cut, fitted, intervalBar, type Line, type Piece, shareBar, type Tone, wrapped } from '../lines.ts'

export interface Seen {
  readonly rollout: Rollout
  /** Undefined: it is gone. */
  readonly route: Resource<'Route'> | undefined
}

export const PHASE_MARKS: Record<Phase, { readonly sign: string; readonly tone: Tone }> = {
  Pending: { sign: '○', tone: 'dim' },
  Progressing: { sign: '▲', tone: 'cyan' },
  Paused: { sign: '‖', tone: 'yellow' },
  Healthy: { sign: '●', tone: 'green' },
  Degraded: { sign: '■', tone: 'red' },
}

const STEP_MARKS: Record<StepState, { readonly sign: string; readonly tone: Tone }> = {
  done: { sign: '✔', tone: 'green' },
  now: { sign: '●', tone: 'cyan' },
  held: { sign: '‖', tone: 'yellow' },
  failed: { sign: '✗', tone: 'red' },
  ahead: { sign: '○', tone: 'dim' },
}

const HELD_BY = { step: 'by a step', user: 'by hand', timeout: 'as time is up' } as const
const MOST_EVENTS = 6
const LEAST_EVENTS = 2
/** Wider than this a sentence is hard to read. */
const MOST_COLUMNS = 100
const LABEL = 9
const MEAN = 6
const EVIDENCE = 10

/** `away`: why nothing newer is known. `rows` undefined: as many as it takes. */
export function rolloutLines(
  { rollout, route }: Seen,
  size: { readonly columns: number; readonly rows?: number },
  now: number,
  away?: string,
): readonly Line[] {
  const columns = Math.min(size.columns, MOST_COLUMNS)
  const rows = size.rows ?? Number.POSITIVE_INFINITY
  const head = headLines(rollout, route, columns, now, away)
  const views = metricViews(rollout)
  const checks = checkLines(rollout, columns, now)
  const metrics = (dense: boolean) => [...views.flatMap((view) => [[], ...metricLines(view, rollout, columns, dense)]), ...checks]
  const tall = [...head, [], ...stepLines(rollout, now), ...metrics(false)]
  const low = [...head, [], ...flatSteps(rollout, columns, now)]
  // What a low terminal gives up first: how the steps are set, then sentences, then events.
  const body = [tall, [...low, ...metrics(false)], [...low, ...metrics(true)]].find(({ length }) => length + 1 + LEAST_EVENTS <= rows)
  const shown = body ?? [...low, ...metrics(true)]
  const events = eventLines(rollout.status?.history, { columns, now, most: Math.min(MOST_EVENTS, rows - shown.length - 1) })
  return size.rows === undefined ? [...shown, ...events] : fitted([...shown, ...events], rows)
}

function headLines(rollout: Rollout, route: Resource<'Route'> | undefined, columns: number, now: number, away: string | undefined): Line[] {
  const { metadata, spec, status } = rollout
  const phase = phaseOf(rollout)
  const { sign, tone } = PHASE_MARKS[phase]
  const held = phase === 'Paused' && status?.pausedBy ? ` ${HELD_BY[status.pausedBy]}` : ''
  const since = status?.endedAt ?? status?.startedAt
  const age = since === undefined ? '' : `  ${status?.endedAt === undefined ? 'for' : 'since'} ${formatAge(now - Date.parse(since))}`
  const attempt = (status?.attempt ?? 1) > 1 ? `  try ${status?.attempt}` : ''
  const where = phase === 'Progressing' || phase === 'Paused' ? `  ${stepInWords(rollout)}` : ''
  const message = away ?? status?.message ?? ''
  return [
    [
      { text: metadata.name, tone: 'bold' },
      { text: '  ' },
      { text: `${sign} ${phase}${held}`, tone },
      ...(status?.heldSince ? [{ text: `  held for ${formatAge(now - Date.parse(status.heldSince))}`, tone: 'yellow' as const }] : []),
      { text: `${where}${age}${attempt}`, tone: 'dim' },
    ],
    [{ text: 'Route'.padEnd(LABEL), tone: 'dim' }, { text: spec.route }],
    ...weightLines(rollout, route),
    ...wrapped(message, Math.max(1, columns)).map((text): Line => [{ text, tone: away === undefined ? 'plain' : 'yellow' }]),
  ]
}

/** Who has how much, and who says so. */
function weightLines({ metadata, spec, status }: Rollout, route: Resource<'Route'> | undefined): Line[] {
  const label: Piece = { text: 'Weights'.padEnd(LABEL), tone: 'dim' }
  if (!route)
    return [[label, { text: `${spec.from} → ${spec.to}  ` }, { text: `${inPercent(status?.weight ?? 0)}; the route is gone`, tone: 'red' }]]
  const effective = route.status?.effective ?? { by: 'spec', targets: route.spec.targets }
  const of = (version: string) => inPercent(effective.targets.find((target) => target.version === version)?.weight ?? 0)
  const by =
    effective.by === 'spec'
      ? 'as the route says'
      : effective.by === `Rollout/${metadata.name}`
        ? 'decided by this release'
        : `decided by ${effective.by}`
  return [
    [label, { text: `${spec.from} ${of(spec.from)} → ${spec.to} ${of(spec.to)}`, tone: 'bold' }],
    [{ text: ' '.repeat(LABEL) }, { text: by, tone: 'dim' }],
  ]
}

function stepLines(rollout: Rollout, now: number): Line[] {
  return ladderOf(rollout, now).map(({ text, state, detail }, i) => {
    const { sign, tone } = STEP_MARKS[state]
    const shown: Tone = state === 'ahead' ? 'dim' : state === 'done' ? 'plain' : 'bold'
    return [
      { text: `${sign} `, tone },
      { text: `${String(i + 1).padStart(2)}  ${text}`, tone: shown },
      { text: detail && `  ${detail}`, tone: 'dim' },
    ]
  })
}

/** The same side by side: "✔ 5 %  ✔ pause 10m  ● 25 % (for 3m)  ○ 50 %". */
function flatSteps(rollout: Rollout, columns: number, now: number): Line[] {
  const lines: Piece[][] = [[]]
  let width = 0
  for (const { text, state, detail } of ladderOf(rollout, now)) {
    const { sign, tone } = STEP_MARKS[state]
    const piece = `${sign} ${text}${detail && ` (${detail})`}  `
    if (width + [...piece].length > columns + 2 && width > 0) {
      lines.push([])
      width = 0
    }
    width += [...piece].length
    lines.at(-1)!.push({ text: piece, tone })
  }
  return lines
}

const VERDICT_SIGNS = { good: '✔', bad: '✗', open: '○', idle: '·' } as const
const VERDICT_TONES = { good: 'green', bad: 'red', open: 'yellow', idle: 'dim' } as const

/** `dense`: figures without their sentences. */
function metricLines(view: MetricView, { spec }: Rollout, columns: number, dense: boolean): Line[] {
  const { name, what, report, verdict, harm, safety, missing } = view
  const arms = [
    [spec.from, report.baseline],
    [spec.to, report.candidate],
  ] as const
  const names = Math.min(Math.max(spec.from.length, spec.to.length), Math.floor(columns / 4))
  const bands = arms.map(([, { units, low, high }]) => (units === 0 ? 'nothing yet' : `${shortNumber(low)}–${shortNumber(high)}`))
  const counts = arms.map(([, { units }]) => `${grouped(units)} ${units === 1 ? 'unit' : 'units'}`)
  const wide = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length))
  const room = columns - names - MEAN - wide(bands) - wide(counts) - 10
  const scale = scaleOf(report)
  const drawn = arms.map(([version, { units, mean, low, high }], i): Line => {
    const width = room >= 8 ? Math.min(room, 40) : 0
    const bar = units === 0 ? ' '.repeat(width) : intervalBar({ low, mean, high }, scale, width)
    return [
      { text: `  ${cut(version, names).padEnd(names)}  ${(units === 0 ? '–' : inPercent(mean)).padStart(MEAN)}  ` },
      { text: `${bands[i]!.padEnd(wide(bands))}  `, tone: 'dim' },
      { text: width > 0 ? `${bar}  ` : '', tone: 'cyan' },
      { text: counts[i]!.padStart(wide(counts)), tone: 'dim' },
    ]
  })
  const evidence = (label: string, { share, words }: Evidence, tone: Tone): Line[] =>
    wrapped(words, Math.max(1, columns - LABEL - EVIDENCE - 4)).map((text, i) => [
      { text: `  ${(i === 0 ? label : '').padEnd(LABEL)}`, tone: 'dim' },
      { text: i === 0 ? `${shareBar(share, EVIDENCE)}  ` : ' '.repeat(EVIDENCE + 2), tone },
      { text },
    ])
  const head: Line = [
    { text: name, tone: 'bold' },
    { text: `  ${VERDICT_SIGNS[verdict.tone]} ${verdict.word}`, tone: VERDICT_TONES[verdict.tone] },
    ...(dense && harm ? [{ text: `  harm ${shareBar(harm.share, 5)}`, tone: 'yellow' as const }] : []),
    ...(dense && safety ? [{ text: `  safety ${shareBar(safety.share, 5)}`, tone: 'green' as const }] : []),
  ]
  if (dense) return [head, ...drawn]
  return [
    head,
    ...wrapped(what, Math.max(1, columns - 2)).map((text): Line => [{ text: `  ${text}`, tone: 'dim' }]),
    ...drawn,
    ...(harm ? evidence('harm', harm, harm.share >= 1 ? 'red' : 'yellow') : []),
    ...(safety ? evidence('safety', safety, 'green') : []),
    ...wrapped(missing ?? '', Math.max(1, columns - LABEL - 2)).map(
      (text, i): Line => [{ text: `  ${(i === 0 ? 'missing' : '').padEnd(LABEL)}`, tone: 'dim' }, { text }],
    ),
  ]
}

function checkLines(rollout: Rollout, columns: number, now: number): Line[] {
  const checks = checkViews(rollout)
  if (checks.length === 0) return []
  const names = Math.min(Math.max(...checks.map(({ name }) => name.length)), Math.floor(columns / 3))
  const words = Math.max(...checks.map(({ word }) => word.length))
  return [
    [],
    [{ text: 'Checks', tone: 'bold' }],
    ...checks.flatMap(({ name, word, tone, message, time }) => {
      const front = `${cut(name, names).padEnd(names)}  `
      const age = time === undefined ? '' : ` (${formatAge(now - Date.parse(time))} ago)`
      const indent = 4 + front.length + words + 2
      return wrapped(`${message}${age}`, Math.max(16, columns - indent)).map(
        (text, i): Line =>
          i > 0
            ? [{ text: ' '.repeat(indent) }, { text }]
            : [
                { text: `  ${VERDICT_SIGNS[tone]} `, tone: VERDICT_TONES[tone] },
                { text: front },
                { text: `${word.padEnd(words)}  `, tone: VERDICT_TONES[tone] },
                { text },
              ],
      )
    }),
  ]
}
