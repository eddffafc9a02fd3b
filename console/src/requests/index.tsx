/** Requests: what happens now, what happened before, and one of them in all its parts. */
import './requests.css'
import { Button, Loader } from '@mantine/core'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { useSystem } from '../api/system.tsx'
import { Ago, CodeBlock, PageHead, Panel, ProblemNote, Tag } from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { navigate, setParameters, useAddress, useSegments } from '../shell/router.tsx'
import { FilterBar } from './filter-bar.tsx'
import { chipsOf, filterQuery, isLive } from './filters.ts'
import { RequestDrawer } from './request-drawer.tsx'
import { RequestList } from './request-list.tsx'
import { openTail, type Tail, type TailState } from './tail.ts'

export default function Requests() {
  const { status } = useSystem()
  const [id] = useSegments()
  const { search, searchParams } = useAddress()
  const chips = chipsOf(searchParams)
  const query = filterQuery(searchParams).toString()
  const live = isLive(searchParams, Date.now())
  const [tail, setTail] = useState<Tail>()
  const [paused, setPaused] = useState(false)
  const [reading, setReading] = useState(false)
  const [toTop, setToTop] = useState(0)

  useEffect(() => {
    const opened = openTail(new URLSearchParams(query), live)
    setTail(opened)
    return () => opened.close()
  }, [query, live])
  const held = paused || reading
  useEffect(() => tail?.hold(held), [tail, held])

  const state = useTail(tail)
  const resume = () => {
    setPaused(false)
    setReading(false)
    setToTop((before) => before + 1)
  }
  const { rows, waiting, skipped, phase, hasOlder, reached, error } = state
  const filtered = chips.length > 0 || searchParams.has('since')
  return (
    <div className="page requests">
      <PageHead
        title="Requests"
        beside={
          <span className="tail-state" role="status">
            {!live ? (
              'a time that has passed'
            ) : held ? (
              <>
                {paused ? 'paused' : 'held while you read'}
                {waiting > 0 && `, ${count(waiting)} new`}
              </>
            ) : (
              'as they finish'
            )}
            {status?.recordsPrompts && (
              <Tag tone="busy">
                <span title="strata up --record-prompts: admins see what clients ask">prompts are recorded</span>
              </Tag>
            )}
          </span>
        }
      >
        {live && (
          <Button size="xs" variant={held ? 'filled' : 'default'} onClick={held ? resume : () => setPaused(true)}>
            {held ? (waiting > 0 ? `Show ${count(waiting)} new` : 'Go on') : 'Pause'}
          </Button>
        )}
      </PageHead>
      <FilterBar chips={chips} since={searchParams.get('since') ?? ''} bounded={searchParams.has('from') || searchParams.has('to')} />
      {error && <ProblemNote error={error} />}
      {phase === 'loading' ? (
        <div className="panel request-nothing" role="status">
          <Loader size="sm" /> Reading the records…
        </div>
      ) : rows.length === 0 && phase === 'ready' && !hasOlder ? (
        filtered ? (
          <div className="panel request-nothing">
            <p>No request matches{searchParams.has('since') || searchParams.has('from') ? ' in this time' : ''}.</p>
            <Button
              size="xs"
              variant="default"
              onClick={() => setParameters({ since: undefined, ...Object.fromEntries(chips.map(({ field }) => [field.name, undefined])) })}
            >
              Show all requests
            </Button>
          </div>
        ) : (
          <NoRequestYet gatewayUrl={status?.gatewayUrl} />
        )
      ) : (
        <RequestList
          rows={rows}
          chosen={id}
          href={(each) => `/requests/${each}${search}`}
          onReading={setReading}
          onNearEnd={() => tail?.older()}
          toTop={toTop}
          foot={
            <>
              {phase === 'looking' ? (
                <span role="status">
                  <Loader size="xs" /> Looking further back…
                </span>
              ) : hasOlder ? (
                <>
                  {reached && (
                    <span className="quiet">
                      Nothing more back to <Ago at={reached} />.
                    </span>
                  )}
                  <button type="button" className="plain" onClick={() => tail?.older()}>
                    {reached ? 'Look further back' : 'Show older ones'}
                  </button>
                </>
              ) : (
                <span className="quiet">
                  {rows.length === 1 ? 'That is the only one' : `Those are all ${count(rows.length)}`} that are kept.
                </span>
              )}
              {skipped > 0 && (
                <span className="quiet">{count(skipped)} came too fast to be shown; a narrower filter or a look back has them.</span>
              )}
            </>
          }
        />
      )}
      <RequestDrawer id={id} onClose={() => navigate(`/requests${search}`)} />
    </div>
  )
}

const NOTHING: TailState = { rows: [], waiting: 0, skipped: 0, phase: 'loading', hasOlder: false, reached: undefined, error: undefined }
const never = () => () => undefined

function useTail(tail: Tail | undefined): TailState {
  const source = useMemo(() => ({ subscribe: tail?.subscribe ?? never, state: tail?.state ?? (() => NOTHING) }), [tail])
  return useSyncExternalStore(source.subscribe, source.state)
}

function NoRequestYet({ gatewayUrl = 'http://127.0.0.1:7400' }: { readonly gatewayUrl?: string }) {
  const { routes } = useSystem()
  const model = routes[0]?.spec.models[0] ?? 'MODEL'
  return (
    <Panel title="No request yet">
      <p className="lesson">
        Every request that the gateways answer or refuse appears here as it ends: who asked, which version answered, how long each part
        took. The records are files on this machine; what was asked is not in them.
      </p>
      <CodeBlock
        title="Make the first one, with an API key of yours"
        code={`curl ${gatewayUrl}/v1/chat/completions \\\n  -H "Authorization: Bearer $STRATA_API_KEY" -H 'content-type: application/json' \\\n  -d '{"model":"${model}","messages":[{"role":"user","content":"Hello!"}]}'\n`}
      />
    </Panel>
  )
}
