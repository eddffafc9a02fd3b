/** What a backend has, as it says itself: each model with its state, and which version of ours asks for it. */
import { TextInput } from '@mantine/core'
import { versionHref } from '../models/versions.ts'
import { DataTable, Panel } from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { Link, setParameters, useAddress } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import type { BackendRow } from './backends.ts'
import { isFor, MODEL_STATES, modelsFound } from './words.ts'

/** More than this are searched, not read. */
const READABLE = 10
const MOST_SHOWN = 100

export function ModelsPanel({ row: { backend, state, versions } }: { readonly row: BackendRow }) {
  const typed = useAddress().searchParams.get('model') ?? ''
  const models = backend.status?.models
  const found = modelsFound(models ?? [], typed)
  // Of one that does not answer, it is known what it last said.
  const now = state.health !== 'bad'
  const ready = models?.filter((model) => model.state === 'ready').length ?? 0
  return (
    <Panel
      flush
      title="Models there"
      beside={
        models && models.length > 0 ? (
          <span className="quiet">
            {ready === models.length ? `${count(ready)}, all ready` : `${count(ready)} of ${count(models.length)} ready`}
            {!now && ' when it last answered'}
          </span>
        ) : undefined
      }
    >
      {models && models.length > READABLE && (
        <search className="model-search">
          <TextInput
            aria-label="Search the models"
            placeholder="Part of a name, a state"
            value={typed}
            onChange={(event) => setParameters({ model: event.currentTarget.value || undefined })}
            size="xs"
            autoComplete="off"
            spellCheck={false}
          />
          {typed !== '' && <span className="quiet hint">{found.length === 1 ? '1 fits' : `${count(found.length)} fit`}</span>}
        </search>
      )}
      <DataTable
        label="Models there"
        rows={found.slice(0, MOST_SHOWN).map((model, at) => ({ ...model, at }))}
        rowKey={({ name, version, at }) => `${name} ${version ?? ''} ${at}`}
        mark={(model) => (now && model.state === 'failed' ? 'bad' : undefined)}
        empty={
          backend.spec.discovery?.models !== true
            ? 'It is not asked which models it has: discovery.models is off.'
            : !models
              ? state.health === 'good'
                ? 'It does not say which models it has.'
                : 'It has not said yet.'
              : models.length === 0
                ? 'It says that it has none.'
                : 'None fits.'
        }
        columns={[
          {
            heading: 'Model',
            cell: ({ name, version }) => (
              <span>
                <span className="mono">{name}</span>
                {version !== undefined && <span className="quiet"> version {version}</span>}
              </span>
            ),
          },
          {
            heading: 'State',
            full: true,
            cell: ({ state: its, reason }) => (
              <span className="state">
                <span className="state-word">
                  <StateMark health={now ? MODEL_STATES[its].health : 'idle'} label="" /> {MODEL_STATES[its].word}
                </span>
                {reason && <span className="secondary">{reason}</span>}
              </span>
            ),
          },
          {
            heading: 'Ours',
            cell: (model) => {
              const ours = versions.filter((version) => isFor(version, model))
              if (ours.length === 0) return null
              return (
                <span>
                  {ours.map(({ key, resource }, at) => (
                    <span key={key}>
                      {at > 0 && ', '}
                      <Link href={versionHref(resource)}>
                        {resource.spec.model}@{resource.spec.version}
                      </Link>
                    </span>
                  ))}
                </span>
              )
            },
          },
        ]}
      />
      {found.length > MOST_SHOWN && (
        <p className="quiet panel-foot flat hint">{count(found.length - MOST_SHOWN)} more fit; a longer part of a name narrows them.</p>
      )}
    </Panel>
  )
}
