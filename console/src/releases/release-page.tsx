/** One release: how far it is and what it waits for, both versions side by side, what happened, and what may be told to it. */
import { useEffect, useState } from 'react'
import { inPercent, phaseOf, type Rollout, stepInWords } from '../../../src/resources/rollout-view.ts'
import { inNamespace } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { versionHref } from '../models/versions.ts'
import { Ago, EventsPanel, Fact, Facts, HistoryPanel, ManifestPanel, MayNot, PageHead, Panel, useAction } from '../parts/index.ts'
import { runningTargets } from '../routes/route-state.ts'
import { spaced } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { Checks } from './checks.tsx'
import { Comparison } from './comparison.tsx'
import { Ladder } from './ladder.tsx'
import { type Point, remember } from './points.ts'
import { HEALTH, type Told } from './releases.ts'
import { Buttons, Said } from './steering.tsx'
import { WeightBar } from './weight-bar.tsx'

export function ReleasePage({ rollout: fetched, again }: { readonly rollout: Rollout; readonly again: () => void }) {
  const action = useAction()
  const [told, setTold] = useState<Told>()
  // What was just told is newer than what was last fetched.
  const rollout = told && isNewer(told.rollout, fetched) ? told.rollout : fetched
  const points = usePoints(rollout)
  const { metadata, status } = rollout
  const phase = phaseOf(rollout)
  // Somebody has to do something, or at least to know.
  const wants = phase === 'Paused' || phase === 'Degraded' || status?.heldSince !== undefined
  return (
    <div className="page">
      <PageHead
        title={metadata.name}
        above={[{ label: 'Releases', href: '/releases' }]}
        beside={
          <span className="state-word">
            <StateMark health={HEALTH[phase]} label="" /> {phase}
            {(phase === 'Progressing' || phase === 'Paused') && <span className="quiet">{stepInWords(rollout)}</span>}
            {status?.heldSince !== undefined && (
              <span className="quiet">
                held since <Ago at={status.heldSince} />
              </span>
            )}
            {(status?.attempt ?? 1) > 1 && <span className="quiet">try {status?.attempt}</span>}
          </span>
        }
      >
        <Buttons
          rollout={rollout}
          action={action}
          onTold={(each) => {
            setTold(each)
            again()
          }}
        />
      </PageHead>
      <MayNot needed="editor" what="tell a release what to do" />
      <Said told={told} error={action.error} />
      {status?.message && wants && <p className={phase === 'Degraded' ? 'note bad' : 'note'}>{spaced(status.message)}</p>}
      <section className="panel" aria-label="How far it is">
        <Shares rollout={rollout} />
        <Ladder rollout={rollout} />
        {status?.message && !wants && <p className="release-message">{spaced(status.message)}</p>}
      </section>
      <Comparison rollout={rollout} points={points} />
      <Checks rollout={rollout} />
      <div className="columns">
        <EventsPanel events={status?.history ?? []} />
        <div className="stack">
          <HowItDecides rollout={rollout} />
          <HistoryPanel plural="rollouts" resource={rollout} />
          <ManifestPanel resource={rollout} />
        </div>
      </div>
    </div>
  )
}

function isNewer(a: Rollout, b: Rollout): boolean {
  return Number(a.metadata.resourceVersion ?? 0) > Number(b.metadata.resourceVersion ?? 0)
}

/** What was seen of this try while the console was open. */
function usePoints({ metadata, status }: Rollout): readonly Point[] {
  const [points, setPoints] = useState<readonly Point[]>([])
  const key = `${metadata.uid}#${status?.attempt ?? 1}`
  const reports = JSON.stringify(status?.analysis ?? [])
  useEffect(() => {
    const parsed = JSON.parse(reports) as Point['reports']
    if (parsed.length > 0) setPoints(remember(key, { at: Date.now(), reports: parsed }))
  }, [key, reports])
  return points
}

/** Who has how much of the route, and by whose word. */
function Shares({ rollout }: { readonly rollout: Rollout }) {
  const { routes, versions } = useSystem()
  const { spec, status, metadata } = rollout
  const { namespace } = metadata
  const route = routes.find((each) => each.metadata.namespace === namespace && each.metadata.name === spec.route)
  const targets = route ? runningTargets(route) : []
  const of = (version: string) => percent(targets.find((target) => target.version === version)?.weight ?? 0)
  const named = (version: string) => {
    const found = versions.find((each) => each.metadata.namespace === namespace && each.metadata.name === version)
    return found ? <Link href={versionHref(found)}>{version}</Link> : version
  }
  const by = route?.status?.effective?.by
  return (
    <>
      <div className="release-shares">
        <span>
          {named(spec.from)} <strong>{route ? of(spec.from) : '–'}</strong> → {named(spec.to)}{' '}
          <strong>{route ? of(spec.to) : percent(status?.weight ?? 0)}</strong>
        </span>
        <span className="quiet hint">
          of the route <Link href={`/routes/${spec.route}${inNamespace(namespace)}`}>{spec.route}</Link>,{' '}
          {by === undefined || by === 'spec' ? 'as it is written' : by === `Rollout/${metadata.name}` ? 'by this release' : `by ${by}`}
        </span>
      </div>
      <WeightBar weight={status?.weight ?? 0} />
    </>
  )
}

function HowItDecides({ rollout: { spec, metadata } }: { readonly rollout: Rollout }) {
  const { minSamples, window, unitWindow, feedbackWindow, maxDuration, onTimeout, metrics, checks } = spec.analysis
  const headers = Object.entries(spec.preview?.headers ?? {})
  const consumers = spec.preview?.consumers ?? []
  return (
    <Panel title="How it decides">
      <Facts>
        <Fact name="A unit">
          a request, or a caller where callers stay on a version: <span className="quiet">watched for {unitWindow}, counts once</span>
        </Fact>
        {metrics.length > 0 && (
          <>
            <Fact name="Next weight">after {minSamples} units of the new version at the present one</Fact>
            <Fact name="A request">has {window} to answer; one that has not begun by then has failed</Fact>
            {metrics.some(({ name }) => name === 'feedback') && <Fact name="Feedback">is waited for {feedbackWindow}</Fact>}
          </>
        )}
        {metrics.length + checks.length > 0 && (
          <>
            {checks.length > 0 && (
              <Fact name="Checks">
                are all good before the next step; each rolls back when it is bad several times one after the other:{' '}
                {checks.map(({ name, failures }) => `${name} ${failures}`).join(', ')}
              </Fact>
            )}
            <Fact name="May take">
              {maxDuration}, then {onTimeout === 'pause' ? 'it pauses' : 'it is rolled back'}
            </Fact>
          </>
        )}
        <Fact name="Seen at once by">
          {headers.length + consumers.length === 0 ? (
            <span className="quiet">nobody</span>
          ) : (
            <>
              {headers.length > 0 && (
                <>
                  requests with <span className="mono">{headers.map(([name, value]) => `${name}: ${value}`).join(', ')}</span>
                </>
              )}
              {headers.length > 0 && consumers.length > 0 && ', and '}
              {consumers.map((name, at) => (
                <span key={name}>
                  {at > 0 && ', '}
                  <Link href={`/consumers/${name}${inNamespace(metadata.namespace)}`}>{name}</Link>
                </span>
              ))}
            </>
          )}
        </Fact>
      </Facts>
    </Panel>
  )
}

const percent = (value: number) => spaced(inPercent(value))
