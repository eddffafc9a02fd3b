/** What a person may tell a release, and what came of it. What takes traffic from a version at once asks first. */
import { Button } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { inPercent, metricViews, phaseOf, type Rollout } from '../../../src/resources/rollout-view.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace } from '../api/resources.ts'
import { ConfirmByName, ProblemNote, type Action as Running, useMay } from '../parts/index.ts'
import { milliseconds, spaced } from '../shell/format.ts'
import { navigate } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { ACTIONS, type Action, HEALTH, type Told, tell } from './releases.ts'

type Asked = 'promote-full' | 'abort' | 'undo' | 'delete'

const LABELS: Record<Action, string> = {
  pause: 'Pause',
  resume: 'Resume',
  promote: 'Promote one step',
  'promote-full': 'Promote fully…',
  abort: 'Abort…',
  retry: 'Try again',
  undo: 'Undo…',
}
const VERBS: Record<Asked, string> = {
  'promote-full': 'Promote it fully',
  abort: 'Abort the release',
  undo: 'Undo the release',
  delete: 'Delete the release',
}
const isAsked = (action: Action): action is Action & Asked => action === 'promote-full' || action === 'abort' || action === 'undo'

export function Buttons(props: { readonly rollout: Rollout; readonly action: Running; readonly onTold: (told: Told) => void }) {
  const { rollout, action, onTold } = props
  const may = useMay('editor')
  const [asking, setAsking] = useState<Asked>()
  const phase = phaseOf(rollout)
  const over = phase === 'Healthy' || phase === 'Degraded'
  const { name, namespace } = rollout.metadata
  const send = async (each: Action) => {
    const told = await action.run(() => tell(rollout, each))
    if (told) onTold(told)
  }
  const confirm = async (each: Asked) => {
    action.clear()
    if (each !== 'delete') return onTold(await tell(rollout, each))
    await sendJson('DELETE', `/rollouts/${encodeURIComponent(name)}${inNamespace(namespace)}`)
    navigate('/releases')
  }
  if (!may) return null
  return (
    <>
      {ACTIONS[phase].map((each) => (
        <Button
          key={each}
          size="xs"
          variant={each === 'resume' ? 'filled' : 'default'}
          color={each === 'abort' || each === 'undo' ? 'red' : undefined}
          disabled={action.busy}
          onClick={() => (isAsked(each) ? setAsking(each) : void send(each))}
        >
          {LABELS[each]}
        </Button>
      ))}
      {over && (
        <Button size="xs" variant="default" color="red" disabled={action.busy} onClick={() => setAsking('delete')}>
          Delete…
        </Button>
      )}
      <ConfirmByName
        opened={asking !== undefined}
        onClose={() => setAsking(undefined)}
        onConfirm={() => confirm(asking!)}
        title={asking ? `${VERBS[asking].replace(/ (it|the release)/, ` ${name}`)}` : ''}
        name={name}
        verb={asking ? VERBS[asking] : ''}
      >
        {asking && <Consequence asked={asking} rollout={rollout} />}
      </ConfirmByName>
    </>
  )
}

function Consequence({ asked, rollout }: { readonly asked: Asked; readonly rollout: Rollout }) {
  const { spec, status } = rollout
  const [from, to] = [<strong key="from">{spec.from}</strong>, <strong key="to">{spec.to}</strong>]
  const weight = spaced(inPercent(status?.weight ?? 0))
  switch (asked) {
    case 'promote-full': {
      const open = metricViews(rollout).filter(({ verdict }) => verdict.tone === 'open' || verdict.tone === 'bad')
      return (
        <p className="flat">
          {to} gets all of what goes to {from}, at once; it has {weight} now.{' '}
          {open.length > 0 && <>It is not shown to be safe by {open.map(({ name }) => name).join(', ')}. </>}
          Nothing compares the two from then on. It can be undone here.
        </p>
      )
    }
    case 'abort':
      return (
        <p className="flat">
          Everything goes to {from} again, at once; {to} has {weight} now. Streams that run end as they would have. What was shown until now
          stays to be read, and a new try begins from nothing.
        </p>
      )
    case 'undo':
      return (
        <p className="flat">
          {to} has what went to {from}. Everything of it goes to {from} again, at once. Streams that run end as they would have.
        </p>
      )
    case 'delete':
      return (
        <p className="flat">
          The release is gone, and what it has shown. Control refuses that as long as the route would send requests back by it. The versions
          and the route stay as they are written.
        </p>
      )
    default:
      return asked satisfies never
  }
}

/** What was told last, and who has it; what went wrong. */
export function Said({ told, error }: { readonly told: Told | undefined; readonly error: unknown }) {
  const said = useRef<HTMLParagraphElement>(null)
  // The button that was pressed is gone: the keyboard goes on from here.
  useEffect(() => {
    if (told) said.current?.focus()
  }, [told])
  if (error !== undefined) return <ProblemNote error={error} />
  if (!told) return null
  const phase = phaseOf(told.rollout)
  return (
    <p className="flat" role="status" tabIndex={-1} ref={said}>
      <StateMark health={HEALTH[phase]} label="" /> {nowIs(told.rollout)}.{' '}
      <span className="quiet">
        {told.confirmed ? `Every gateway has it, after ${milliseconds(told.tookMs)}.` : 'Not every gateway has confirmed it yet.'}
      </span>
    </p>
  )
}

function nowIs({ spec, status }: Rollout): string {
  const weight = spaced(inPercent(status?.weight ?? 0))
  switch (status?.phase) {
    case 'Paused':
      return `Paused at ${weight}`
    case 'Progressing':
      return `Goes on at ${weight}`
    case 'Healthy':
      return `${spec.to} has all of what went to ${spec.from}`
    case 'Degraded':
      return `Everything goes to ${spec.from} again`
    default:
      return `Begins anew as soon as ${spec.to} is ready`
  }
}
