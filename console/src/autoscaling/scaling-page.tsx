/** One version's policy: what is wanted now and why, how load and instances went, and each decision with what it was made from. */
import type { ScalingAnswer } from '../../../src/control/api/scaling.ts'
import { durationMs } from '../../../src/resources/scalars.ts'
import { useSystem } from '../api/system.tsx'
import { versionHref } from '../models/versions.ts'
import { Ago, CodeBlock, Fact, Facts, Measure, Measures, PageHead, Panel, Tabs } from '../parts/index.ts'
import { count, lasting, milliseconds, rate } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { Decisions } from './decisions.tsx'
import { policyInWords, policyLines } from './policy.ts'
import { healthOf, RANGES, scalingHref } from './ranges.ts'
import { type Line, ScalingChart } from './scaling-chart.tsx'
import { there } from './series.ts'

type Now = NonNullable<ScalingAnswer['now']>

export function ScalingPage(props: {
  readonly name: string
  readonly namespace: string
  readonly hours: number
  /** Absent while another range is on its way. */
  readonly answer: ScalingAnswer | undefined
}) {
  const { name, namespace, hours, answer } = props
  const { versions } = useSystem()
  const version = versions.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  const now = answer?.now
  return (
    <div className="page">
      <PageHead
        title={name}
        above={[{ label: 'Autoscaling', href: '/autoscaling' }]}
        beside={
          now && (
            <span className="state-word">
              <StateMark health={healthOf(now)} label="" /> {now.ready} ready of {now.wanted} wanted
            </span>
          )
        }
      >
        {version && <Link href={versionHref(version)}>The version</Link>}
      </PageHead>
      {answer && !answer.policy.policy && <NoPolicy min={answer.policy.min} />}
      {now && now.ready < now.wanted && answer.status?.message && <p className="note">{answer.status.message}</p>}
      {now && <Now now={now} />}
      <Tabs
        label="How far back"
        current={scalingHref({ name, namespace }, hours)}
        tabs={RANGES.map((range) => ({ href: scalingHref({ name, namespace }, range.hours), label: range.label }))}
      />
      {answer ? <Course answer={answer} hours={hours} /> : <p className="quiet">Waiting for control…</p>}
      {answer && (
        <div className="columns">
          <Decisions decisions={answer.decisions} hours={hours} />
          {now && answer.policy.policy && <HowItDecides answer={answer} now={now} />}
        </div>
      )}
    </div>
  )
}

function NoPolicy({ min }: { readonly min: number }) {
  return (
    <Panel title="No policy">
      <p className="lesson">
        {min === 1 ? 'One instance runs' : `${min} instances run`}, whatever the load. These lines in its manifest let load decide, here by
        an objective for the first token.
      </p>
      <CodeBlock title="In the manifest of the version" code={policyLines(min)} copy="Copy the lines" />
    </Panel>
  )
}

function Now({ now }: { readonly now: Now }) {
  const { sample } = now
  return (
    <section className="panel" aria-label="Now">
      <p className="flat">{now.reason}</p>
      <Measures>
        <Measure name="Wanted">{now.wanted}</Measure>
        <Measure name="Ready">{now.ready}</Measure>
        <Measure name="Starting">{now.starting}</Measure>
        <Measure name="Draining">{now.draining}</Measure>
        <Measure name="Arrivals">{sample ? rate(sample.arrivals) : '–'}</Measure>
        <Measure name="Requests at a time">{sample ? figure(sample.concurrency) : '–'}</Measure>
        <Measure name="Waiting">{sample ? count(sample.queued) : '–'}</Measure>
        <Measure name="First token p95">{milliseconds(sample?.firstTokenP95Ms)}</Measure>
        <Measure name="Misses" tone={sample && sample.misses > 0 ? 'bad' : undefined}>
          {sample ? rate(sample.misses) : '–'}
        </Measure>
      </Measures>
    </section>
  )
}

function Course({ answer, hours }: { readonly answer: ScalingAnswer; readonly hours: number }) {
  const { points, decisions } = answer
  if (points.length === 0)
    return (
      <Panel title="Over time">
        <p className="quiet flat">Nothing was kept of this time. Each minute with a policy adds a point.</p>
      </Panel>
    )
  const shared = { points, hours }
  const objective = answer.policy.policy?.objective
  const firstToken: Line[] = [
    { label: 'p95', value: (point) => point.firstTokenP95Ms, color: '--accent' },
    ...(objective
      ? [{ label: `objective ${objective.firstToken}`, value: () => durationMs(objective.firstToken), color: '--second', dashed: true }]
      : []),
  ]
  return (
    <Panel title="Over time" beside={decisions.length > 0 && <span className="quiet hint">ticks: decisions</span>}>
      <div className="scaling-charts">
        <ScalingChart
          {...shared}
          title="Instances"
          steps
          marks={decisions.map(({ at }) => at)}
          least={2}
          format={String}
          lines={[
            { label: 'ready and starting', value: there, color: '--accent' },
            { label: 'wanted', value: ({ wanted }) => wanted, color: '--second', dashed: true },
          ]}
        />
        <ScalingChart
          {...shared}
          title="Requests at a time"
          least={1}
          format={figure}
          lines={[
            { label: 'in instances and queues', value: ({ concurrency }) => concurrency, color: '--accent' },
            { label: 'waiting at most', value: ({ queued }) => queued, color: '--second', dashed: true },
          ]}
        />
        <ScalingChart
          {...shared}
          title="Arrivals"
          least={1}
          format={rate}
          lines={[{ label: 'requests', value: ({ arrivals }) => arrivals, color: '--accent' }]}
        />
        <ScalingChart {...shared} title="First token" least={100} format={milliseconds} lines={firstToken} />
        <ScalingChart
          {...shared}
          title="Misses"
          least={0.1}
          format={rate}
          lines={[{ label: 'late or failed', value: ({ misses }) => misses, color: '--bad' }]}
        />
      </div>
    </Panel>
  )
}

function HowItDecides({ answer, now }: { readonly answer: ScalingAnswer; readonly now: Now }) {
  const { policy, cooldown } = answer.policy
  const { speed, startup } = now
  return (
    <Panel title="How it decides">
      <Facts>
        <Fact name="Policy">{policyInWords(policy!)}</Fact>
        <Fact name="Bounds">
          {now.min} to {now.max}
        </Fact>
        <Fact name="Wanted since">
          <Ago at={now.since} />
        </Fact>
        <Fact name="Cooldown">
          {cooldown?.up ?? '0s'} before another one comes, {cooldown?.down ?? '1m'} before one leaves
        </Fact>
        <Fact name="Start-up">
          {startup.measured
            ? `${lasting(startup.ms)}, the median of the last ones`
            : `${lasting(startup.ms)} assumed; none has been seen yet`}
        </Fact>
        {speed && 'missing' in speed && <Fact name="Speed">not known yet: {speed.missing}</Fact>}
        {speed && !('missing' in speed) && (
          <>
            <Fact name="Speed">
              an instance bears {figure(speed.rate)} requests a second of {figure(speed.tokensIn)} tokens in and {figure(speed.tokensOut)}{' '}
              out
            </Fact>
            <Fact name="Curve">
              a token every{' '}
              {speed.curve.decode.map(({ sequences, stepMs }) => `${milliseconds(stepMs)} (${sequences} at a time)`).join(', ')}.{' '}
              <span className="quiet">{speed.curve.source}</span>
            </Fact>
          </>
        )}
      </Facts>
    </Panel>
  )
}

const figure = (value: number) => String(Number(value.toPrecision(3)))
