/** All backends: whether each answers and since when, what it is, what it has, and what of ours depends on it. */
import { Button } from '@mantine/core'
import { inNamespace, keyOf } from '../api/resources.ts'
import { Ago, DataTable, EmptyState, MayNot, Named, PageHead, useMay } from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { Link, navigate, setParameters } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { BackendForm } from './backend-form.tsx'
import type { Backend, BackendRow, Backends } from './backends.ts'
import { because, consequence, PROTOCOLS } from './words.ts'

const FIRST = `apiVersion: strata.dev/v1alpha1
kind: Backend
metadata: { name: our-vllm }
spec:
  protocol: openai
  address: http://10.0.0.7:8000/v1
  discovery: { models: true }
  # Where it wants a key: credentials: { bearer: { env: VLLM_KEY } }
---
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: qwen }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: qwen-v1 }
spec:
  model: qwen
  version: v1
  source: { backend: { name: our-vllm, model: Qwen/Qwen3-8B } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: qwen }
spec: { models: [qwen], targets: [{ version: qwen-v1, weight: 100 }] }
`

export function hrefOf({ metadata }: Backend): string {
  return `/backends/${metadata.name}${inNamespace(metadata.namespace)}`
}

export function BackendList({ backends, creating }: { readonly backends: Backends; readonly creating: boolean }) {
  const may = useMay('editor')
  const rows = backends.rows ?? []
  return (
    <div className="page">
      <PageHead
        title="Backends"
        beside={rows.length > 0 && <span className="quiet">{rows.length === 1 ? '1 backend' : `${rows.length} backends`}</span>}
      >
        {may && !creating && (
          <Button size="xs" onClick={() => setParameters({ create: '1' })}>
            New backend
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="make or change backends" />
      <Down rows={rows.filter(({ state }) => state.health === 'bad')} />
      {creating && may && (
        <BackendForm
          backend={undefined}
          onCancel={() => setParameters({ create: undefined })}
          onApplied={({ metadata }) => {
            backends.again()
            navigate(`/backends/${metadata.name}${inNamespace(metadata.namespace)}`)
          }}
        />
      )}
      {rows.length > 0 ? (
        <div className="panel flush">
          <DataTable
            label="Backends"
            rows={rows}
            rowKey={({ backend }) => keyOf(backend)}
            href={({ backend }) => hrefOf(backend)}
            mark={({ state }) => (state.health === 'bad' ? 'bad' : undefined)}
            columns={[
              {
                heading: 'Backend',
                cell: ({ backend: { metadata } }) => <Named metadata={metadata} />,
              },
              {
                heading: 'State',
                full: true,
                cell: ({ state: { health, word, reason } }) => (
                  <span className="state">
                    <span className="state-word">
                      <StateMark health={health} label="" /> {word}
                    </span>
                    {reason && <span className="secondary">{reason}</span>}
                  </span>
                ),
              },
              { heading: 'Since', align: 'right', cell: ({ state: { since } }) => (since ? <Ago at={since} /> : '–') },
              {
                heading: 'Server',
                full: true,
                cell: ({ backend: { spec, status }, state }) => (
                  <span className="nowrap">
                    {status?.server ?? <span className="quiet">{state.health === 'good' ? 'does not say' : 'not known yet'}</span>}
                    <span className="secondary">speaks {PROTOCOLS[spec.protocol].name}</span>
                  </span>
                ),
              },
              { heading: 'Address', full: true, cell: ({ backend: { spec } }) => <span className="mono">{spec.address}</span> },
              { heading: 'Models', align: 'right', cell: ({ backend }) => <ModelCount backend={backend} /> },
              { heading: 'Versions', align: 'right', cell: ({ versions }) => count(versions.length) },
            ]}
          />
        </div>
      ) : (
        !creating && (
          <EmptyState title="No backend yet" manifest={FIRST}>
            A backend is a server that already runs elsewhere: vLLM, Ollama, a hosted provider, Triton, TorchServe, TensorFlow Serving.
            Strata asks it regularly whether it answers, and sends requests to it under your keys, limits and routes; nothing is started or
            stopped there. A version then says which of its models to use. This makes one of each: put in the address and the model of
            yours.
          </EmptyState>
        )
      )}
    </div>
  )
}

/** What does not answer, in words, and who is hurt by it. */
function Down({ rows }: { readonly rows: readonly BackendRow[] }) {
  return (
    <div role="status" className="stack-of-notes">
      {rows.map(({ backend, state, versions }) => (
        <p key={keyOf(backend)} className="note bad">
          <Link href={hrefOf(backend)}>{backend.metadata.name}</Link> is down{because(state.reason)}. {consequence(versions)}
        </p>
      ))}
    </div>
  )
}

function ModelCount({ backend: { status } }: { readonly backend: Backend }) {
  if (!status?.models) return '–'
  const waiting = status.models.filter(({ state }) => state !== 'ready').length
  return (
    <span>
      {count(status.models.length)}
      {waiting > 0 && <span className="secondary">{count(waiting)} not ready</span>}
    </span>
  )
}
