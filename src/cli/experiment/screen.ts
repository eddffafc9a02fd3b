/** What `strata experiment get` shows: what is asked, each arm with its effect and what is proven of it, guardrails, events. Pure. */
import { grouped, inPercent } from '../../resources/comparison-view.ts'
import {
  type ArmView,
  armViews,
  assignedBy,
  type Experiment,
  type ExperimentPhase,
  effectScaleOf,
  headOf,
  type MetricRow,
  minus,
  nextOf,
  questionOf,
  ratioOf,
  type Tone as ViewTone,
} from '../../resources/experiment-view.ts'
import { eventLines } from '../event-lines.ts'
import { cut, fitted, intervalBar, type Line, type Piece, shareBar, type Tone, wrapped } from '../lines.ts'

const TONES: Record<ViewTone, Tone> = { good: 'green', bad: 'red', open: 'yellow', idle: 'dim', active: 'cyan' }
const SIGNS: Record<ViewTone, string> = { good: '✔', bad: '✗', open: '○', idle: '·', active: '▲' }
const PHASE_SIGNS: Record<ExperimentPhase, string> = { Pending: '○', Preparing: '◔', Running: '▲', Decided: '●' }

const MOST_EVENTS = 6
const LEAST_EVENTS = 2
/** Wider than this a sentence is hard to read. */
const MOST_COLUMNS = 100
const LABEL = 9
const EVIDENCE = 10
/** As wide as "not worth it". */
const EVIDENCE_LABEL = 12
const SHOWN_PROMPT = 120

/** How much is said of an arm: all; figures without what they mean; a line for the evidence and one for the metrics. */
type Detail = 'all' | 'figures' | 'signs'

/** Of the arms that may still win, and of those that are stopped: what a low terminal gives up, one after the other. */
const DETAILS = [
  ['all', 'all'],
  ['all', 'signs'],
  ['figures', 'figures'],
  ['figures', 'signs'],
] as const satisfies readonly (readonly [Detail, Detail])[]

const isStopped = ({ state: { kind } }: ArmView) => kind === 'harm' || kind === 'futile'

/** `away`: why nothing newer is known. `rows` undefined: as many as it takes. */
export function experimentLines(
  experiment: Experiment,
  size: { readonly columns: number; readonly rows?: number },
  now: number,
  away?: string,
): readonly Line[] {
  const columns = Math.min(size.columns, MOST_COLUMNS)
  const rows = size.rows ?? Number.POSITIVE_INFINITY
  const head = headLines(experiment, columns, now, away)
  const arms = armViews(experiment)
  const body = ([ofOpen, ofStopped]: readonly [Detail, Detail]) => [
    ...head,
    ...legendLines(experiment, arms, columns),
    ...arms.flatMap((arm) => armLines(arm, experiment, columns, isStopped(arm) ? ofStopped : ofOpen)),
  ]
  const shown = DETAILS.map(body).find(({ length }) => length + 1 + LEAST_EVENTS <= rows) ?? body(['signs', 'signs'])
  const most = Math.min(MOST_EVENTS, rows - shown.length - 1)
  const events = eventLines(experiment.status?.history, { columns, now, most })
  return size.rows === undefined ? [...shown, ...events] : fitted([...shown, ...events], rows)
}

function headLines(experiment: Experiment, columns: number, now: number, away: string | undefined): Line[] {
  const { metadata, spec } = experiment
  const { phase, word, tone, times, message } = headOf(experiment, now)
  const sign = tone === 'open' && phase !== 'Decided' ? '‖' : tone === 'bad' ? '■' : PHASE_SIGNS[phase]
  const ratio = ratioOf(experiment)
  const next = nextOf(experiment)
  const field = (label: string, text: string, toned: Tone = 'plain'): Line[] =>
    wrapped(text, Math.max(1, columns - LABEL)).map((line, i) => [
      { text: (i === 0 ? label : '').padEnd(LABEL), tone: 'dim' },
      { text: line, tone: toned },
    ])
  return [
    [
      { text: metadata.name, tone: 'bold' },
      { text: '  ' },
      { text: `${sign} ${word}`, tone: TONES[tone] },
      { text: times && `  ${times}`, tone: 'dim' },
    ],
    ...field('Route', `${spec.route}; callers are assigned ${assignedBy(spec)}`),
    ...field('Metric', `${spec.primary.name}: ${questionOf(experiment)}`),
    ...(ratio ? field('Ratio', ratio.word, ratio.tone === 'good' ? 'plain' : TONES[ratio.tone]) : []),
    ...wrapped(away ?? [message, next].filter(Boolean).join(' '), Math.max(1, columns)).map(
      (text): Line => [{ text, tone: away === undefined ? 'plain' : 'yellow' }],
    ),
  ]
}

/** What the bars of the effects are drawn on. */
function legendLines(experiment: Experiment, arms: readonly ArmView[], columns: number): Line[] {
  if (barWidth(columns) === 0 || !arms.some(({ effect }) => effect?.value !== undefined)) return []
  const { least, most } = effectScaleOf(experiment)
  const text = `Bars: ${minus(least)} to ${minus(most)} points better than ${arms[0]!.name}; │ no difference, ┊ worth having`
  return [[], ...wrapped(text, columns).map((line): Line => [{ text: line, tone: 'dim' }])]
}

/** None on a terminal where the figures would have no room beside it. */
const barWidth = (columns: number) => (columns < 70 ? 0 : Math.min(40, columns - 46))

function armLines(arm: ArmView, experiment: Experiment, columns: number, detail: Detail): Line[] {
  const { name, state, weight, share, exposed, note } = arm
  const now = share > 0 && Math.abs(share - weight) > 0.5 ? `, ${inPercent(share)} now` : ''
  const came = experiment.status?.dividedAt === undefined ? '' : `  ${grouped(exposed)} ${exposed === 1 ? 'caller' : 'callers'}`
  const head: Line = [
    { text: name, tone: 'bold' },
    { text: `  ${state.kind === 'control' ? '' : `${SIGNS[state.tone]} `}${state.word}`, tone: TONES[state.tone] },
    { text: `  ${weight} %${now}${came}`, tone: 'dim' },
  ]
  const sentence = (text: string, tone: Tone): Line[] =>
    wrapped(text, Math.max(1, columns - 2)).map((line) => [{ text: '  ' }, { text: line, tone }])
  const control = experiment.spec.arms[0]!.name
  const what = detail === 'all' ? armInWords(arm) : cut(armInWords(arm), Math.max(1, columns - 2))
  return [
    ...(detail === 'signs' ? [] : [[]]),
    head,
    ...(detail === 'signs' ? [] : sentence(what, 'dim')),
    ...(note && detail === 'all' ? sentence(note, 'plain') : []),
    ...effectLines(arm, experiment, columns, detail),
    ...evidenceLines(arm, columns, detail),
    ...metricLines(arm.metrics, [control, name], columns, detail),
  ]
}

/** `assistant-v1, prompt "Answer in one sentence.", temperature 0.2` */
function armInWords({ version, prompt, sampling }: ArmView): string {
  return [version, ...(prompt === undefined ? [] : [`prompt ${quoted(prompt)}`]), ...sampling.map(withoutControls)].join(', ')
}

/** What a user wrote, on one line, without what a terminal would take for a command. */
function quoted(text: string): string {
  return JSON.stringify(withoutControls(cut(text, SHOWN_PROMPT).replace(/\s+/g, ' ')))
}

const withoutControls = (text: string) => text.replace(/[\p{Cc}\p{Cf}]/gu, '�')

function effectLines({ effect, evidence }: ArmView, experiment: Experiment, columns: number, detail: Detail): Line[] {
  if (!effect) return []
  const width = effect.value === undefined ? 0 : barWidth(columns)
  const marks = [
    { at: 0, sign: '│' },
    { at: experiment.spec.primary.minimumEffect, sign: '┊' },
  ]
  const proven = evidence.find(({ name, share }) => share >= 1 && name !== 'not worth it')
  const bar =
    effect.value === undefined || width === 0
      ? ''
      : intervalBar({ low: effect.low, mean: effect.value, high: effect.high }, effectScaleOf(experiment), width, marks)
  const first: Line = [
    { text: `  ${'effect'.padEnd(LABEL)}`, tone: 'dim' },
    { text: bar === '' ? effect.words : `${effect.words.padEnd(columns - width - LABEL - 2 - 2)}  `, tone: 'bold' },
    { text: bar, tone: proven ? TONES[proven.tone] : 'cyan' },
  ]
  if (detail === 'signs') return [first]
  const more = [effect.chance, effect.kind, ...(effect.sharper === undefined ? [] : [effect.sharper])].join('; ')
  return [
    first,
    ...wrapped(more, Math.max(1, columns - LABEL - 2)).map((text): Line => [{ text: ' '.repeat(LABEL + 2) }, { text, tone: 'dim' }]),
  ]
}

function evidenceLines({ evidence }: ArmView, columns: number, detail: Detail): Line[] {
  if (detail === 'signs' && evidence.length > 0)
    return [
      [
        { text: '  ' },
        ...evidence.flatMap(({ name, share, tone }): Piece[] => [
          { text: `${name} `, tone: 'dim' },
          { text: `${shareBar(share, 5)}  `, tone: TONES[tone] },
        ]),
      ],
    ]
  return evidence.flatMap(({ name, share, words, tone }) =>
    wrapped(words, Math.max(1, columns - EVIDENCE_LABEL - EVIDENCE - 6)).map(
      (text, i): Line => [
        { text: `  ${(i === 0 ? name : '').padEnd(EVIDENCE_LABEL)}  `, tone: 'dim' },
        { text: i === 0 ? `${shareBar(share, EVIDENCE)}  ` : ' '.repeat(EVIDENCE + 2), tone: TONES[tone] },
        { text },
      ],
    ),
  )
}

function metricLines(rows: readonly MetricRow[], names: readonly [string, string], columns: number, detail: Detail): Line[] {
  if (rows.length === 0) return []
  const verdict = ({ verdict: { word, tone } }: MetricRow): Piece => ({ text: `${SIGNS[tone]} ${word}`, tone: TONES[tone] })
  if (detail === 'signs') {
    const judged = rows.filter((row) => row.verdict.word !== 'only watched')
    return flowed(
      judged.map((row) => [{ text: `${row.name} ` }, verdict(row)]),
      columns - 2,
    )
  }
  const hasRanges = columns >= 70
  const cell = ({ value, range }: MetricRow['arm']) => (hasRanges ? `${value.padStart(6)}  ${range}` : value)
  const cells = rows.map((row) => [row.name, cell(row.control), cell(row.arm)])
  const heads = ['metric', ...names]
  const widths = heads.map((head, i) => Math.max(i === 0 ? 6 : Math.min(head.length, 16), ...cells.map((line) => line[i]!.length)))
  const said = (line: readonly string[]) => line.map((text, i) => cut(text, widths[i]!).padEnd(widths[i]!)).join('  ')
  return [
    [{ text: `  ${said(heads)}`.trimEnd(), tone: 'dim' }],
    ...rows.flatMap((row, i): Line[] => [
      [{ text: `  ${said(cells[i]!)}  ` }, verdict(row)],
      // What the primary metric is stands above.
      ...(detail === 'all' && i > 0
        ? wrapped([row.what, row.missing].filter(Boolean).join('; '), Math.max(1, columns - 4)).map(
            (text): Line => [{ text: `    ${text}`, tone: 'dim' }],
          )
        : []),
    ]),
  ]
}

/** Side by side, as many as a line has room for. */
function flowed(groups: readonly Line[], columns: number): Line[] {
  const lines: Piece[][] = []
  let left = 0
  for (const group of groups) {
    const width = group.reduce((sum, { text }) => sum + [...text].length, 2)
    if (width - 2 > left || lines.length === 0) {
      lines.push([])
      left = columns
    }
    lines.at(-1)!.push({ text: '  ' }, ...group)
    left -= width
  }
  return lines
}
