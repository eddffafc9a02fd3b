/** Both versions side by side, metric by metric: what was measured, between what it lies, what that proves, and what is missing. */
import { VisuallyHidden } from '@mantine/core'
import {
  inPercent,
  isRunning,
  type MetricView,
  metricViews,
  type Rollout,
  scaleOf,
  shortNumber,
} from '../../../src/resources/rollout-view.ts'
import { Panel, Tag } from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { BandChart } from './band-chart.tsx'
import type { Point } from './points.ts'
import { spaced } from './releases.ts'

export function Comparison({ rollout, points }: { readonly rollout: Rollout; readonly points: readonly Point[] }) {
  const views = metricViews(rollout)
  const { falseAlarm, metrics, checks } = rollout.spec.analysis
  return (
    <Panel
      title="Comparison"
      beside={
        metrics.length > 0 && (
          <span className="quiet hint">
            of requests in the same time · {inPercent(falseAlarm)} of harmless releases are rolled back at most, however often one looks
          </span>
        )
      }
    >
      {metrics.length === 0 && (
        <p className="quiet flat">{checks.length > 0 ? 'No requests are compared.' : 'Nothing is compared: the clock alone decides.'}</p>
      )}
      {metrics.length > 0 && views.length === 0 && (
        <p className="quiet flat">
          {isRunning(rollout) ? 'It begins with the first requests that both versions get.' : 'There was nothing to compare.'}
        </p>
      )}
      {views.map((view, at) => (
        <Metric key={view.name} view={view} at={at} rollout={rollout} points={points} />
      ))}
    </Panel>
  )
}

const TONES = { good: 'good', bad: 'bad', open: 'busy', idle: undefined } as const
const SIGNS = { good: '✔', bad: '✗', open: '○', idle: '·' } as const

function Metric(props: { readonly view: MetricView; readonly at: number; readonly rollout: Rollout; readonly points: readonly Point[] }) {
  const { view, at, rollout, points } = props
  const { name, what, report, verdict, harm, safety, missing } = view
  const { from, to } = rollout.spec
  const drawn = points.flatMap(({ at: time, reports }) => {
    const found = reports[at]
    if (!found || found.baseline.units + found.candidate.units === 0) return []
    return [{ at: time, baseline: found.baseline, candidate: found.candidate }]
  })
  const charted = isRunning(rollout) || drawn.length > 1
  return (
    <section className={charted ? 'metric' : 'metric alone'} aria-label={name}>
      <div className="metric-figures">
        <h3>
          {name}
          <Tag tone={TONES[verdict.tone]}>
            {SIGNS[verdict.tone]} {verdict.word}
          </Tag>
        </h3>
        <p className="metric-what">{what}</p>
        <Arms report={report} from={from} to={to} label={`${name} of both versions`} />
        {harm && <Proof name="Harm" {...harm} tone="bad" />}
        {safety && <Proof name="Safety" {...safety} tone="good" />}
        {missing && <p className="secondary flat">Missing: {missing}.</p>}
      </div>
      {charted && <BandChart label={name} points={drawn} />}
    </section>
  )
}

function Arms(props: { readonly report: MetricView['report']; readonly from: string; readonly to: string; readonly label: string }) {
  const { report, from, to, label } = props
  const { least, most } = scaleOf(report)
  const place = (value: number) => (most > least ? (100 * (value - least)) / (most - least) : 50)
  const rows = [
    { version: from, arm: report.baseline, tone: 'baseline' },
    { version: to, arm: report.candidate, tone: 'candidate' },
  ]
  return (
    <table className="arms" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">Version</th>
          <th scope="col">Mean</th>
          <th scope="col">
            <VisuallyHidden>Picture of the interval</VisuallyHidden>
          </th>
          <th scope="col" title="With a chance of 95 % it lies between these at every moment that one looks">
            Lies between
          </th>
          <th scope="col">Units</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ version, arm: { units, mean, low, high }, tone }) => (
          <tr key={tone}>
            <th scope="row">
              <i className={`arm-line ${tone}`} aria-hidden /> {version}
            </th>
            <td>{units === 0 ? '–' : percent(mean)}</td>
            <td className="arm-picture">
              {units > 0 && (
                <span className={`interval ${tone}`} aria-hidden>
                  <i style={{ left: `${place(low)}%`, right: `${100 - place(high)}%` }} />
                  <b style={{ left: `${place(mean)}%` }} />
                </span>
              )}
            </td>
            <td className="quiet">{units === 0 ? 'nothing yet' : `${shortNumber(low)}–${percent(high)}`}</td>
            <td className="quiet">{count(units)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** `share`: 0 to 1 of the evidence that it takes. */
function Proof(props: { readonly name: string; readonly share: number; readonly words: string; readonly tone: 'good' | 'bad' }) {
  const { name, share, words, tone } = props
  return (
    <p className="proof">
      <span className="quiet">{name}</span>
      <span className={`proof-bar ${tone}`} aria-hidden>
        <i style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
      </span>
      <span>{words}</span>
    </p>
  )
}

const percent = (value: number) => spaced(inPercent(value))
