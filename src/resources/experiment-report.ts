/**
 * What an experiment has asked and found, as one HTML file that needs nothing else: no script, no picture from elsewhere. Light or dark as its reader
 * has it, and fit for paper. Whatever a user wrote is escaped. Pure.
 */
import { escaped } from '../kernel/markup.ts'
import { grouped, inPercent, inPoints, shortNumber } from './comparison-view.ts'
import { courseChart } from './experiment-chart.ts'
import { REPORT_STYLE } from './experiment-report-style.ts'
import {
  type ArmView,
  armViews,
  assignedBy,
  type Band,
  type Experiment,
  headOf,
  isSaving,
  questionOf,
  ratioOf,
  type Word,
} from './experiment-view.ts'

/** What the file may load, when it is opened from a disk or served: nothing but its own styles. */
export const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

export function experimentReport(experiment: Experiment, now: number): string {
  const { metadata, spec, status } = experiment
  const head = headOf(experiment, now)
  const arms = armViews(experiment)
  const [control] = arms
  const title = `${metadata.name}: A/B test on ${spec.route}`
  const sections = [
    section('What was asked', `${asked(experiment)}${arms.map(armCard).join('\n')}`),
    ...arms.slice(1).map((arm) => section(`${arm.name} beside ${control!.name}`, found(arm, control!, experiment))),
    section('Callers', callers(experiment, arms)),
    section('History', history(status?.history ?? [])),
    section('What the figures guarantee', guarantee(experiment)),
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="${REPORT_POLICY}"><title>${escaped(title)}</title>
<style>${REPORT_STYLE}</style></head>
<body><main>
<header><p class="soft">A/B test on the route ${escaped(spec.route)}</p><h1>${escaped(metadata.name)}</h1>
<p class="decision ${head.tone}"><b>${escaped(head.word)}</b>${head.message === '' ? '' : `<span>${escaped(head.message)}</span>`}</p>
<p class="soft">${escaped(head.times === '' ? 'Not begun' : sentence(head.times))}; as of ${stamp(new Date(now).toISOString())}.</p></header>
${sections.join('\n')}
<footer class="soft">Experiment ${escaped(metadata.namespace)}/${escaped(metadata.name)}${metadata.uid === undefined ? '' : `, ${escaped(metadata.uid)}`}</footer>
</main></body></html>
`
}

const section = (title: string, body: string) => `<section><h2>${escaped(title)}</h2>\n${body}\n</section>`
const badge = ({ word, tone }: Word) => `<span class="badge ${tone}">${escaped(word)}</span>`
const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
const stamp = (time: string) => `${time.slice(0, 19).replace('T', ' ')} UTC`

function asked(experiment: Experiment): string {
  const { spec } = experiment
  const others = spec.arms.length - 1
  const { error, stopAfter } = spec.decision
  const level = others > 1 ? `; ${shortNumber(error / others)} % for each of the ${others} arms beside the control` : ''
  const rows = [
    ['Metric', `${spec.primary.name}: ${questionOf(experiment)}`],
    ['Must not be worse', spec.guardrails.length === 0 ? 'nothing else is looked at' : spec.guardrails.map(guardrailInWords).join('; ')],
    ['Assigned', `callers, ${assignedBy(spec)}`],
    ['Level', `${error} %, however often it is looked at${level}`],
    ['Ends', `undecided after ${stopAfter}, at the latest`],
    ...(spec.preparation === '0s' ? [] : [['Before', `callers are watched for ${spec.preparation} before they are divided`]]),
  ] as const
  return `<dl>${rows.map(([name, value]) => `<dt>${escaped(name!)}</dt><dd>${escaped(value!)}</dd>`).join('')}</dl>\n`
}

function guardrailInWords(guardrail: Experiment['spec']['guardrails'][number]): string {
  const name = 'quantile' in guardrail ? `${guardrail.name} p${guardrail.quantile}` : guardrail.name
  if (guardrail.watch) return `${name} (only watched)`
  return guardrail.margin === undefined ? `${name} (looked at for harm only)` : `${name} by ${inPoints(guardrail.margin)}`
}

function armCard({ name, version, prompt, sampling, weight, state }: ArmView): string {
  const what = [version, `${weight} % of callers`, ...sampling].map(escaped).join(' · ')
  const asked = prompt === undefined ? '' : `<pre tabindex="0" aria-label="Prompt of ${escaped(name)}">${escaped(prompt)}</pre>`
  return `<div class="arm"><h3>${escaped(name)} ${badge(state)}</h3><p>${what}</p>${asked}</div>`
}

function found(arm: ArmView, control: ArmView, { spec }: Experiment): string {
  const { effect } = arm
  if (!effect) return '<p class="soft">Nothing is known of it yet.</p>'
  const about = [effect.chance, effect.kind, ...(effect.sharper === undefined ? [] : [effect.sharper])].join('; ')
  const worth = spec.primary.minimumEffect
  const label = `${arm.name} beside ${control.name}: ${effect.words}, ${effect.chance}`
  const certain = effect.level ?? Math.floor(1_000 - (10 * spec.decision.error) / (spec.arms.length - 1)) / 10
  const chart = courseChart(arm.course, { worth, label })
  const caption = `Points that ${arm.name} is better than ${control.name} by ${spec.primary.name}, over time (UTC). Line: the estimate. Band: where the effect is, with at least ${certain} % at all times together; its first, widest part may lie outside. Solid line across: no difference. Dashed: ${inPoints(worth)}, worth having.`
  return `<p class="effect"><b>${escaped(effect.words)}</b> ${badge(arm.state)}<span class="soft">${escaped(about)}</span></p>
${arm.note === undefined ? '' : `<p>${escaped(arm.note)}</p>`}
${chart === '' ? '' : `<figure>${chart}<figcaption class="soft">${escaped(caption)}</figcaption></figure>`}
<ul class="proof">${arm.evidence.map(proof).join('')}</ul>
${metrics(arm, control)}`
}

function proof({ name, share, words, tone }: ArmView['evidence'][number]): string {
  const width = Math.floor(Math.min(1, Math.max(0, share)) * 100)
  return `<li><span>${escaped(sentence(name))}</span><span class="bar ${tone}" aria-hidden="true"><i style="width:${width}%"></i></span><span>${escaped(words)}</span></li>`
}

function metrics({ name, metrics: rows }: ArmView, control: ArmView): string {
  if (rows.length === 0) return ''
  const cell = (arm: string, { value, range, units }: Band) =>
    `<td data-arm="${escaped(arm)}">${value} <span class="soft">${range}${units === 0 ? '' : ` of ${grouped(units)}`}</span></td>`
  const body = rows.map((row) => {
    const what = [row.what, row.missing].filter(Boolean).join('; ')
    return `<tbody><tr><th scope="row">${escaped(row.name)}</th>${cell(control.name, row.control)}${cell(name, row.arm)}<td>${badge(row.verdict)}</td></tr><tr><td colspan="4" class="soft what">${escaped(what)}</td></tr></tbody>`
  })
  return `<table class="figures"><thead><tr><th scope="col">Metric</th><th scope="col">${escaped(control.name)}</th><th scope="col">${escaped(name)}</th><th scope="col">Shown</th></tr></thead>
${body.join('\n')}</table>`
}

function callers(experiment: Experiment, arms: readonly ArmView[]): string {
  const { spec, status } = experiment
  if (status?.dividedAt === undefined) return '<p class="soft">Nobody has been divided yet.</p>'
  const sum = arms.reduce((total, { exposed }) => total + exposed, 0)
  const part = (exposed: number) => (sum === 0 ? '' : ` <span class="soft">${inPercent((100 * exposed) / sum)}</span>`)
  const rows = arms.map(
    ({ name, exposed, weight }) =>
      `<tr><th scope="row">${escaped(name)}</th><td>${grouped(exposed)}${part(exposed)}</td><td>${weight} %</td></tr>`,
  )
  const ratio = ratioOf(experiment)
  const stopped = arms.some(({ state: { kind } }) => kind === 'harm' || kind === 'futile') && arms.length > 2
  const saved = arms.map(({ effect }) => effect?.saved).find(isSaving)
  const sentences = [
    ...(ratio ? [`${sentence(ratio.word)}.`] : []),
    ...(stopped ? ['An arm that is stopped gets nobody any more, so that the others have more than was set.'] : []),
    ...(status.prepared === undefined ? [] : [preparedInWords(spec.preparation, status.prepared, saved)]),
  ]
  return `<table><thead><tr><th scope="col">Arm</th><th scope="col">Came</th><th scope="col">As set</th></tr></thead><tbody>${rows.join('')}</tbody></table>
${sentences.map((text) => `<p>${escaped(text)}</p>`).join('\n')}`
}

function preparedInWords(preparation: string, known: number, saved: number | undefined): string {
  const seen = `${grouped(known)} ${known === 1 ? 'caller was' : 'callers were'} known from the ${preparation} before.`
  if (saved === undefined) return seen
  return `${seen} What they did then takes ${inPercent(saved * 100)} of the variance away (CUPED), as ${shortNumber(1 / (1 - saved))} times as many callers would.`
}

function history(events: readonly { readonly time: string; readonly event: string; readonly message: string }[]): string {
  if (events.length === 0) return '<p class="soft">Nothing has happened yet.</p>'
  const rows = events.map(
    ({ time, event, message }) =>
      `<tr><td class="soft">${escaped(stamp(time))}</td><th scope="row">${escaped(event)}</th><td>${escaped(message)}</td></tr>`,
  )
  return `<table class="history"><tbody>${rows.join('\n')}</tbody></table>`
}

function guarantee({ spec }: Experiment): string {
  const { error } = spec.decision
  return `<p>All figures are valid at any time: however often one looks, and whenever one stops, at most ${error} % of experiments without any effect are called better or harmful, and at most ${error} % of arms that are better by ${inPoints(spec.primary.minimumEffect)} are given up.
Bands marked exact hold for any number of callers; those marked asymptotic, of scores and amounts from 500 callers an arm on, are as good as the normal approximation is.</p>`
}
