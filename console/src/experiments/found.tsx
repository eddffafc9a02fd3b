/** What one arm shows beside the control: its effect, how far that is proven, and the metrics that it comes from. */
import {
  type ArmView,
  type Band,
  type Experiment,
  effectScaleOf,
  isExperimenting,
  type MetricRow,
  signed,
} from '../../../src/resources/experiment-view.ts'
import { inPercent, scaleOf } from '../../../src/resources/rollout-view.ts'
import { type BandRow, BandTable, Proof, Tag } from '../parts/index.ts'
import { spaced } from '../shell/format.ts'
import { CourseChart } from './course-chart.tsx'
import { placeOn, SIGNS, TAGS } from './experiments.ts'

export function Found(props: { readonly experiment: Experiment; readonly arm: ArmView; readonly control: ArmView }) {
  const { experiment, arm, control } = props
  const { effect } = arm
  const worth = experiment.spec.primary.minimumEffect
  return (
    <section className="found" aria-label={`${arm.name} beside ${control.name}`}>
      <h3>
        {arm.name} beside {control.name}
        <Tag tone={TAGS[arm.state.tone]}>
          {SIGNS[arm.state.tone]} {arm.state.word}
        </Tag>
      </h3>
      {effect?.value === undefined ? (
        <p className="quiet flat">Nothing is known of it yet.</p>
      ) : (
        <div className="found-parts">
          <div>
            <p className="effect-words">{spaced(effect.words)}</p>
            <p className="secondary flat">
              {effect.chance}; {effect.kind}
              {effect.sharper && `; ${spaced(effect.sharper)}`}
            </p>
            {arm.note && <p className="found-note">{spaced(arm.note)}</p>}
            <EffectScale experiment={experiment} effect={effect} />
            {arm.evidence.map(({ name, share, words, tone }) => (
              <Proof
                key={name}
                name={capital(name)}
                share={share}
                words={spaced(words)}
                tone={tone === 'good' || tone === 'bad' ? tone : undefined}
              />
            ))}
            {arm.missing && <p className="secondary">Missing: {arm.missing}.</p>}
          </div>
          <CourseChart
            label={`The effect of ${arm.name}`}
            course={arm.course}
            worth={worth}
            over={!isExperimenting(experiment) || arm.state.kind === 'harm' || arm.state.kind === 'futile'}
          />
        </div>
      )}
      {arm.metrics.map((row) => (
        <div key={row.name} className="experiment-metric">
          <h4>
            {row.name}
            <Tag tone={TAGS[row.verdict.tone]}>
              {SIGNS[row.verdict.tone]} {row.verdict.word}
            </Tag>
          </h4>
          <p className="quiet">
            {spaced(row.what)}
            {row.missing && `; missing: ${row.missing}`}
            {isKnown(row) || '; nothing has been counted yet'}
          </p>
          {isKnown(row) && (
            <BandTable
              label={`${row.name} of ${control.name} and ${arm.name}`}
              heading="Arm"
              rows={[bandOf(control.name, row.control), bandOf(arm.name, row.arm)]}
              scale={scaleOf({ baseline: row.control, candidate: row.arm })}
            />
          )}
        </div>
      ))}
    </section>
  )
}

const isKnown = ({ control, arm }: MetricRow) => control.units + arm.units > 0

/** As the table of bands wants it. */
function bandOf(name: string, { range, ...band }: Band): BandRow {
  return { name, ...band, value: spaced(band.value), range: band.units === 0 ? range : spaced(`${range} %`) }
}

/** All arms of an experiment are drawn on one scale. */
function EffectScale({ experiment, effect }: { readonly experiment: Experiment; readonly effect: NonNullable<ArmView['effect']> }) {
  const scale = effectScaleOf(experiment)
  const worth = experiment.spec.primary.minimumEffect
  const at = (value: number) => `${placeOn(scale, value)}%`
  return (
    <>
      <div className="effect-scale" aria-hidden>
        <i className="band" style={{ left: at(effect.low), right: `${100 - placeOn(scale, effect.high)}%` }} />
        <i className="none" style={{ left: at(0) }} />
        <i className="worth" style={{ left: at(worth) }} />
        <b className="value" style={{ left: at(effect.value ?? 0) }} />
      </div>
      <p className="effect-key">
        <span>
          <i /> no difference
        </span>
        <span>
          <i className="worth" /> {signed(worth)} {worth === 1 ? 'point' : 'points'}, worth having
        </span>
        {experiment.spec.arms.length > 2 && <span>one scale for all arms</span>}
      </p>
    </>
  )
}

/** Of callers: whether they come to the arms as set, and what it helped to watch them before. */
export const savingInWords = (saved: number) =>
  `${inPercent(saved * 100)} of the variance is gone (CUPED), as ${Number((1 / (1 - saved)).toPrecision(2))} times as many callers would do it.`

const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
