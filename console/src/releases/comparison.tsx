/** Both versions side by side, metric by metric: what was measured, between what it lies, what that proves, and what is missing. */
import {
  inPercent,
  isRunning,
  type MetricView,
  metricViews,
  type Rollout,
  scaleOf,
  shortNumber,
} from '../../../src/resources/rollout-view.ts'
import { type BandRow, BandTable, Panel, Proof, Tag } from '../parts/index.ts'
import { spaced } from '../shell/format.ts'
import { BandChart } from './band-chart.tsx'
import type { Point } from './points.ts'

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
        <BandTable
          label={`${name} of both versions`}
          heading="Version"
          rows={[bandOf(from, report.baseline), bandOf(to, report.candidate)]}
          scale={scaleOf(report)}
        />
        {harm && <Proof name="Harm" share={harm.share} words={spaced(harm.words)} tone="bad" />}
        {safety && <Proof name="Safety" share={safety.share} words={spaced(safety.words)} tone="good" />}
        {missing && <p className="secondary flat">Missing: {missing}.</p>}
      </div>
      {charted && <BandChart label={name} points={drawn} over={!isRunning(rollout)} />}
    </section>
  )
}

/** As the table of bands wants it. */
function bandOf(name: string, { units, mean, low, high }: MetricView['report']['baseline']): BandRow {
  const [value, range] = units === 0 ? ['–', 'nothing yet'] : [percent(mean), `${shortNumber(low)}–${percent(high)}`]
  return { name, units, mean, low, high, value, range }
}

const percent = (value: number) => spaced(inPercent(value))
