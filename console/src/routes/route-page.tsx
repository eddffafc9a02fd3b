/** One route: what it sends where, changing that, and taking the change back. */
import { Button } from '@mantine/core'
import { useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace, keyOf, type Manifest } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { ConfirmByName, HistoryPanel, ManifestPanel, MayNot, Measure, Measures, PageHead, ReviewChange, useMay } from '../parts/index.ts'
import { milliseconds, percent, rate } from '../shell/format.ts'
import { Link, navigate } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { routeState } from './route-state.ts'
import { Rules } from './rules.tsx'
import { Weights } from './weights-panel.tsx'

export function RoutePage({ resource }: { readonly resource: Resource<'Route'> }) {
  const { traffic } = useSystem()
  const may = useMay('editor')
  const [written, setWritten] = useState<Resource<'Route'>>()
  const [undoing, setUndoing] = useState<{ base: Resource<'Route'>; document: Manifest }>()
  const [deleting, setDeleting] = useState(false)
  // What was just written is newer than what was last polled.
  const route = written && generationOf(written) > generationOf(resource) ? { ...written, status: resource.status } : resource
  const { name, namespace } = route.metadata
  const rates = traffic?.routes[keyOf(route)]
  const state = routeState(route)
  const remove = async () => {
    await sendJson('DELETE', `/routes/${name}${inNamespace(namespace)}`)
    navigate('/routes')
  }
  return (
    <div className="page">
      <PageHead
        title={name}
        above={[{ label: 'Routes', href: '/routes' }]}
        beside={
          <span className="state-word">
            <StateMark health={state.health} label="" /> {state.word}
          </span>
        }
      >
        <Button component={Link} href={`/playground?model=${encodeURIComponent(route.spec.models[0]!)}`} variant="default" size="xs">
          Try it
        </Button>
        {may && (
          <Button variant="default" size="xs" color="red" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="change routes" />
      {state.reason && <p className="note bad">{state.reason}</p>}
      <section className="panel" aria-label="The last minute">
        <Measures>
          <Measure name="Requests">{rate(rates?.requestsPerSecond ?? 0)}</Measure>
          <Measure name="Running now">{rates?.running ?? 0}</Measure>
          <Measure name="First token p50">{milliseconds(rates?.firstTokenP50)}</Measure>
          <Measure name="First token p95">{milliseconds(rates?.firstTokenP95)}</Measure>
          <Measure name="Whole answer p95">{milliseconds(rates?.totalP95)}</Measure>
          <Measure name="Tokens">{rate(rates?.tokensPerSecond ?? 0)}</Measure>
          <Measure name="Errors" tone={(rates?.errorRate ?? 0) > 0.01 ? 'bad' : undefined}>
            {percent(rates?.errorRate ?? 0)}
          </Measure>
        </Measures>
      </section>
      {undoing && (
        <div className="panel">
          <ReviewChange
            title="Put back what was before"
            base={undoing.base}
            document={undoing.document}
            verb="Put it back"
            cancel="Leave it as it is"
            onApplied={(after) => {
              setWritten(after as Resource<'Route'>)
              setUndoing(undefined)
            }}
            onCancel={() => setUndoing(undefined)}
            onStale={() => setUndoing(undefined)}
          />
        </div>
      )}
      <Weights route={route} onWritten={setWritten} onUndo={(document) => setUndoing({ base: route, document })} />
      <div className="columns">
        <Rules route={route} />
        <div className="stack">
          <HistoryPanel
            plural="routes"
            resource={route}
            onUndo={may && !undoing ? (document) => setUndoing({ base: route, document }) : undefined}
          />
          <ManifestPanel resource={route} />
        </div>
      </div>
      <ConfirmByName
        opened={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={remove}
        title={`Delete the route ${name}`}
        name={name}
        verb="Delete the route"
      >
        <p>
          Whoever asks for <strong>{route.spec.models.join(', ')}</strong> gets 404 from then on
          {rates && rates.requestsPerSecond > 0 ? `: ${rate(rates.requestsPerSecond)} come in now` : '; nobody does right now'}. Streams
          that run end as they would have. The versions stay.
        </p>
      </ConfirmByName>
    </div>
  )
}

const generationOf = ({ metadata }: Resource) => metadata.generation ?? 0
