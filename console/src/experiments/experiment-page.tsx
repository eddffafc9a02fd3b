/** One experiment: what is asked, what its arms are, what each has shown so far, and how it came to that. */
import { Button } from '@mantine/core'
import { useState } from 'react'
import {
  type ArmView,
  armViews,
  assignedBy,
  type Experiment,
  headOf,
  isExperimenting,
  isSaving,
  nextOf,
  pWords,
  questionOf,
  ratioOf,
} from '../../../src/resources/experiment-view.ts'
import { inPercent } from '../../../src/resources/rollout-view.ts'
import { API } from '../api/client.ts'
import { inNamespace } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { versionHref } from '../models/versions.ts'
import {
  ConfirmByName,
  EventsPanel,
  Fact,
  Facts,
  HistoryPanel,
  ManifestPanel,
  MayNot,
  PageHead,
  Panel,
  Tag,
  useMay,
} from '../parts/index.ts'
import { count, spaced } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { HEALTH, SIGNS, stop, TAGS } from './experiments.ts'
import { Found, savingInWords } from './found.tsx'

export function ExperimentPage({ experiment, again }: { readonly experiment: Experiment; readonly again: () => void }) {
  const may = useMay('editor')
  const [stopping, setStopping] = useState(false)
  const { metadata, spec } = experiment
  const { namespace, name } = metadata
  const head = headOf(experiment, Date.now())
  const [control, ...others] = armViews(experiment)
  const goesOn = isExperimenting(experiment)
  return (
    <div className="page">
      <PageHead
        title={name}
        above={[{ label: 'Experiments', href: '/experiments' }]}
        beside={
          <span className="state-word">
            <StateMark health={HEALTH[head.tone]} label="" /> {head.word}
            {head.times && <span className="quiet">{head.times}</span>}
          </span>
        }
      >
        <Button
          size="xs"
          variant="default"
          component="a"
          href={`${API}/experiments/${encodeURIComponent(name)}/report${inNamespace(namespace)}`}
          target="_blank"
          rel="noreferrer"
        >
          Report
        </Button>
        {may && goesOn && (
          <Button size="xs" variant="default" color="red" onClick={() => setStopping(true)}>
            Stop…
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="stop an experiment" />
      {head.message && (
        <p className={head.tone === 'open' ? 'note' : `note ${head.tone}`}>
          {spaced([head.message, nextOf(experiment)].filter(Boolean).join(' '))}
        </p>
      )}
      <Panel title="Arms" beside={<span className="quiet hint">callers, {assignedBy(spec)}</span>}>
        <div className="arm-cards">
          {[control!, ...others].map((arm) => (
            <ArmCard key={arm.name} arm={arm} namespace={namespace} goesOn={goesOn} />
          ))}
        </div>
      </Panel>
      <Panel title="What they show" beside={<span className="quiet hint">valid however often one looks</span>}>
        {others.map((arm) => (
          <Found key={arm.name} experiment={experiment} arm={arm} control={control!} />
        ))}
      </Panel>
      <div className="columns">
        <EventsPanel events={experiment.status?.history ?? []} />
        <div className="stack">
          <HowItDecides experiment={experiment} arms={others} />
          <HistoryPanel plural="experiments" resource={experiment} />
          <ManifestPanel resource={experiment} />
        </div>
      </div>
      <ConfirmByName
        opened={stopping}
        onClose={() => setStopping(false)}
        onConfirm={async () => {
          await stop(experiment)
          again()
        }}
        title={`Stop ${name}`}
        name={name}
        verb="Stop the experiment"
      >
        <p className="flat">
          Callers are not divided any more: the route <strong>{spec.route}</strong> is served as it is written, at once. What was shown
          until now stays to be read; it is decided as inconclusive, and does not go on.
        </p>
      </ConfirmByName>
    </div>
  )
}

function ArmCard({ arm, namespace, goesOn }: { readonly arm: ArmView; readonly namespace: string; readonly goesOn: boolean }) {
  const { versions } = useSystem()
  const { weight, share, exposed, came, crooked } = arm
  const now = goesOn && Math.abs(share - weight) > 0.5 ? `, ${share === 0 ? 'nothing' : inPercent(share)} now` : ''
  const callers = `${exposed === 1 ? '1 caller' : `${count(exposed)} callers`}${came === undefined ? '' : `, ${inPercent(came)}`}`
  const found = versions.find(({ metadata }) => metadata.namespace === namespace && metadata.name === arm.version)
  return (
    <section className="arm-card" aria-label={arm.name}>
      <h3>
        {arm.name}
        <Tag tone={TAGS[arm.state.tone]}>
          {SIGNS[arm.state.tone]} {arm.state.word}
        </Tag>
      </h3>
      <p>{found ? <Link href={versionHref(found)}>{arm.version}</Link> : arm.version}</p>
      <p className="secondary">{spaced(`${inPercent(weight)} as set${now} · ${callers}${goesOn ? ' so far' : ''}`)}</p>
      {crooked && (
        <p>
          <Tag tone={TAGS[crooked.tone]}>
            {SIGNS[crooked.tone]} {crooked.tone === 'bad' ? 'do not come as set' : 'hardly come as set'}, {pWords(crooked.p)}
          </Tag>
        </p>
      )}
      {arm.sampling.length > 0 && <p className="secondary">{arm.sampling.join(' · ')}</p>}
      {arm.prompt !== undefined && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a long prompt is scrolled with the keyboard
        <section className="arm-prompt" tabIndex={0} aria-label={`Prompt of ${arm.name}`}>
          {arm.prompt}
        </section>
      )}
    </section>
  )
}

function HowItDecides({ experiment, arms }: { readonly experiment: Experiment; readonly arms: readonly ArmView[] }) {
  const { spec, status, metadata } = experiment
  const { error, stopAfter } = spec.decision
  const ratio = ratioOf(experiment)
  const saved = arms.map(({ effect }) => effect?.saved).find(isSaving)
  return (
    <Panel title="How it decides">
      <Facts>
        <Fact name="Route">
          <Link href={`/routes/${spec.route}${inNamespace(metadata.namespace)}`}>{spec.route}</Link>
        </Fact>
        <Fact name="Metric">
          {spec.primary.name}: {spaced(questionOf(experiment))}
        </Fact>
        <Fact name="Level">{spaced(inPercent(error))} at most of changes without any effect are called better or harmful</Fact>
        <Fact name="Ends">undecided after {stopAfter}, at the latest</Fact>
        <Fact name="Callers">{ratio ? capital(ratio.word) : <span className="quiet">none has been divided yet</span>}</Fact>
        {spec.preparation !== '0s' && (
          <Fact name="Before">
            callers are watched for {spec.preparation}
            {status?.prepared !== undefined && `; ${count(status.prepared)} were known when they were divided`}
            {saved !== undefined && `. ${spaced(savingInWords(saved))}`}
          </Fact>
        )}
      </Facts>
    </Panel>
  )
}

const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
