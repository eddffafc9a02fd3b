/**
 * Who gets how much, and changing it. An edit belongs to the generation that it was begun on: when somebody else writes meanwhile, that is
 * said, and what happens to the edit is the person's choice. Nothing goes out before its difference has been looked at.
 */
import { Button, NumberInput, Select, Slider } from '@mantine/core'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { keyOf, type Manifest, manifestOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { versionHref, versionRow } from '../models/versions.ts'
import { Panel, ReviewChange, useMay } from '../parts/index.ts'
import { milliseconds, percent, rate } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { decidedBy, deciderHref, deciderInWords, gatewaysUpToDate, runningTargets } from './route-state.ts'
import { ShareBar } from './share-bar.tsx'
import { rebalanced, sameTargets, type Target, withoutTarget, withTarget } from './weights.ts'

type Route = Resource<'Route'>
interface Edit {
  readonly base: Route
  readonly targets: readonly Target[]
}

export function Weights(props: {
  readonly route: Route
  readonly onWritten: (route: Route) => void
  readonly onUndo: (document: Manifest) => void
}) {
  const { route, onWritten, onUndo } = props
  const may = useMay('editor')
  const [edit, setEdit] = useState<Edit>()
  const [reviewed, setReviewed] = useState<Edit>()
  const [applied, setApplied] = useState<{ before: Route; after: Route }>()
  const said = useRef<HTMLParagraphElement>(null)
  useEffect(() => {
    if (applied) said.current?.focus()
  }, [applied])

  const targets = edit?.targets ?? route.spec.targets
  const changed = edit !== undefined && !sameTargets(edit.targets, edit.base.spec.targets)
  const stale = edit !== undefined && edit.base.metadata.generation !== route.metadata.generation
  const change = (next: readonly Target[]) => {
    setApplied(undefined)
    setEdit({ base: edit?.base ?? route, targets: next })
  }
  const startOver = () => {
    setEdit(undefined)
    setReviewed(undefined)
  }
  const review = (event: FormEvent) => {
    event.preventDefault()
    if (edit && changed && !stale) setReviewed(edit)
  }
  const by = decidedBy(route)
  return (
    <Panel title="Weights" beside={<Runs route={route} />}>
      {by && (
        <p className="note">
          What runs is decided by <Decider by={by} namespace={route.metadata.namespace} />: {inWords(runningTargets(route))}. What is
          written here, {inWords(route.spec.targets)}, is what it takes its share of.
        </p>
      )}
      {stale && (
        <div className="problem-note" role="alert">
          <strong>Somebody has changed this route while you were editing it.</strong>
          <span>
            You began on generation {edit.base.metadata.generation}: {inWords(edit.base.spec.targets)}. It is at {route.metadata.generation}{' '}
            now: {inWords(route.spec.targets)}. Nothing of yours has been written.
          </span>
          <div className="actions">
            <Button size="compact-sm" variant="default" onClick={startOver}>
              Start from what it is now
            </Button>
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => {
                setReviewed(undefined)
                setEdit({ base: route, targets: edit.targets })
              }}
            >
              Keep my weights, on top of it
            </Button>
          </div>
        </div>
      )}
      <form onSubmit={review}>
        <ShareBar targets={targets} />
        <ul className="weights">
          {targets.map((target, at) => (
            <TargetRow
              key={target.version}
              route={route}
              target={target}
              before={edit?.base.spec.targets.find(({ version }) => version === target.version)?.weight}
              disabled={!may || reviewed !== undefined}
              only={targets.length === 1}
              onWeight={(weight) => change(rebalanced(targets, at, weight))}
              onRemove={() => change(withoutTarget(targets, at))}
            />
          ))}
        </ul>
        {may && !reviewed && (
          <div className="weights-foot">
            <AddVersion route={route} targets={targets} onAdd={(version) => change(withTarget(targets, version))} />
            <span className="grow" />
            {changed && (
              <Button variant="default" size="xs" onClick={startOver}>
                Start over
              </Button>
            )}
            <Button type="submit" size="xs" disabled={!changed || stale}>
              Review the change
            </Button>
          </div>
        )}
      </form>
      {reviewed && (
        <ReviewChange
          title={`Change of the route ${route.metadata.name}`}
          base={reviewed.base}
          document={{ ...manifestOf(reviewed.base), spec: { ...reviewed.base.spec, targets: reviewed.targets } }}
          onApplied={(after) => {
            onWritten(after as Route)
            setApplied({ before: reviewed.base, after: after as Route })
            startOver()
          }}
          onCancel={() => setReviewed(undefined)}
          onStale={() => setReviewed(undefined)}
        />
      )}
      {applied && applied.after.metadata.generation === route.metadata.generation && (
        <p className="applied" role="status" tabIndex={-1} ref={said}>
          <StateMark health="good" label="" /> Applied as generation {applied.after.metadata.generation}:{' '}
          {inWords(applied.after.spec.targets)}.{' '}
          <button
            type="button"
            className="plain"
            onClick={() => {
              onUndo(manifestOf(applied.before))
              setApplied(undefined)
            }}
          >
            Undo
          </button>
        </p>
      )}
    </Panel>
  )
}

function Decider({ by, namespace }: { readonly by: string; readonly namespace: string }) {
  const href = deciderHref(by, namespace)
  const name = deciderInWords(by)
  return href === undefined ? name : <Link href={href}>{name}</Link>
}

function inWords(targets: readonly Target[]): string {
  return targets.map(({ version, weight }) => `${version} ${weight}\u202f%`).join(', ')
}

function Runs({ route }: { readonly route: Route }) {
  const { status } = useSystem()
  const { current, all } = gatewaysUpToDate(status)
  const where = all === 0 ? 'no gateway is connected' : `${current} of ${all} ${all === 1 ? 'gateway has' : 'gateways have'} it`
  return (
    <span className="quiet hint">
      generation {route.metadata.generation} · {decidedBy(route) ? 'not as written' : 'runs as written'} · {where}
    </span>
  )
}

function TargetRow(props: {
  readonly route: Route
  readonly target: Target
  /** Its weight before the edit; undefined for one that was not there. */
  readonly before: number | undefined
  readonly disabled: boolean
  readonly only: boolean
  readonly onWeight: (weight: number) => void
  readonly onRemove: () => void
}) {
  const { route, target, before, disabled, only, onWeight, onRemove } = props
  const system = useSystem()
  const { namespace } = route.metadata
  const resource = system.versions.find(({ metadata }) => metadata.namespace === namespace && metadata.name === target.version)
  const row = resource && versionRow(resource, system)
  const flow = system.traffic?.edges.find((each) => each.route === keyOf(route) && each.version === `${namespace}/${target.version}`)
  const name = resource ? `${resource.spec.model}@${resource.spec.version}` : target.version
  const moved = before !== undefined && before !== target.weight
  return (
    <li>
      <span className="target-name">
        <StateMark health={row?.health ?? 'bad'} label={row?.state ?? 'there is no such version'} />
        {resource ? <Link href={versionHref(resource)}>{name}</Link> : name}
        {moved && <span className="quiet">was {before}&#8239;%</span>}
        {!only && !disabled && (
          <button type="button" className="plain quiet" onClick={onRemove} aria-label={`take out ${name}`}>
            take out
          </button>
        )}
      </span>
      <Slider
        className="target-slider"
        value={target.weight}
        onChange={onWeight}
        min={0}
        max={100}
        step={1}
        label={null}
        disabled={disabled || only}
        size="sm"
        thumbLabel={`Share of ${name}`}
      />
      <NumberInput
        className="target-number"
        aria-label={`Weight of ${name}, percent`}
        value={target.weight}
        onChange={(value) => typeof value === 'number' && onWeight(value)}
        min={0}
        max={100}
        step={1}
        clampBehavior="strict"
        allowDecimal={false}
        suffix={'\u202f%'}
        size="xs"
        readOnly={disabled || only}
      />
      <span className="target-flow">
        {rate(flow?.requestsPerSecond ?? 0)} · p95 {milliseconds(flow?.totalP95)} · {percent(flow?.errorRate ?? 0)} errors
      </span>
    </li>
  )
}

function AddVersion({
  route,
  targets,
  onAdd,
}: {
  readonly route: Route
  readonly targets: readonly Target[]
  readonly onAdd: (version: string) => void
}) {
  const { versions } = useSystem()
  const others = versions.filter(
    ({ metadata }) => metadata.namespace === route.metadata.namespace && !targets.some(({ version }) => version === metadata.name),
  )
  if (others.length === 0) return null
  return (
    <Select
      aria-label="Add a version"
      placeholder="Add a version…"
      size="xs"
      w={200}
      data={others.map(({ metadata, spec }) => ({ value: metadata.name, label: `${spec.model}@${spec.version}` }))}
      value={null}
      onChange={(value) => value !== null && onAdd(value)}
      searchable
      comboboxProps={{ transitionProps: { duration: 0 } }}
    />
  )
}
