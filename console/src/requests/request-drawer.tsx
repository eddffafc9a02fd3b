/** One request, beside the list and at an address of its own: how it ended and what to do, its timeline, what it cost, its ids. */
import { Button, CopyButton, Loader } from '@mantine/core'
import type { FinishedRecord, StartedRecord } from '../../../src/monitoring/request-records.ts'
import { inNamespace } from '../api/resources.ts'
import { Ago, CodeBlock, Drawer, Fact, Facts, Measure, Measures, ProblemNote, Prose, Tag, useFetched } from '../parts/index.ts'
import { count, milliseconds } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { explain, healthOf, OUTCOME_WORDS } from './explain.ts'
import { Timeline } from './timeline.tsx'

interface Detail {
  readonly started?: StartedRecord
  readonly finished?: FinishedRecord
  readonly prompts: { readonly recorded: boolean; readonly readable: boolean }
}

const RUNNING_MS = 1_000

export function RequestDrawer({ id, onClose }: { readonly id: string | undefined; readonly onClose: () => void }) {
  return (
    <Drawer opened={id !== undefined} onClose={onClose} size="lg" title={id === undefined ? '' : 'Request'}>
      {id !== undefined && <Request key={id} id={id} />}
    </Drawer>
  )
}

function Request({ id }: { readonly id: string }) {
  // A finished request does not change any more; one that runs is looked at again.
  const { data, error } = useFetched<Detail>(`/requests/${encodeURIComponent(id)}`, RUNNING_MS)
  if (error) return <ProblemNote error={error} />
  if (!data)
    return (
      <p role="status">
        <Loader size="xs" /> Looking for {id}…
      </p>
    )
  const { started, finished } = data
  if (finished) return <Finished record={finished} prompts={data.prompts} />
  return (
    <div className="request">
      <p className="request-verdict">
        <StateMark health="busy" label="" /> Still running, for <Ago at={Date.parse(started!.time) - started!.after} /> – or its gateway was
        killed before it could say how it ended.
      </p>
      <Ids record={started!} />
    </div>
  )
}

function Finished({ record, prompts }: { readonly record: FinishedRecord; readonly prompts: Detail['prompts'] }) {
  const { outcome, status, tokens, times, cost, simulated, cold, assigned, served, attempts } = record
  const reason = explain(record)
  return (
    <div className="request">
      <p className={`request-verdict ${healthOf(outcome)}`}>
        <StateMark health={healthOf(outcome)} label="" /> {OUTCOME_WORDS[outcome]}
        <Tag>{status}</Tag>
        {simulated && <Tag tone="bad">simulated</Tag>}
        {cold && <Tag>cold start</Tag>}
        <span className="grow" />
        <span className="quiet">
          <Ago at={record.time} />
        </span>
      </p>
      {reason && (
        <div className={healthOf(outcome) === 'bad' ? 'note bad' : 'note'}>
          <p>{reason.what}</p>
          <p>
            <Prose text={reason.todo} />
          </p>
        </div>
      )}
      {served !== undefined && assigned !== undefined && served !== assigned && (
        <p className="note">
          Assigned to <strong>{assigned}</strong>, answered by the fallback <strong>{served}</strong>: it counts as an error of {assigned}.
        </p>
      )}
      <Measures label="Figures">
        <Measure name="Total">{milliseconds(times.total)}</Measure>
        {times.firstToken !== undefined && <Measure name="First token">{milliseconds(times.firstToken)}</Measure>}
        {times.betweenTokens !== undefined && times.betweenTokens > 0 && (
          <Measure name="Speed">{(1000 / times.betweenTokens).toFixed(1)} tokens/s</Measure>
        )}
        {tokens && <Measure name="Tokens in">{count(tokens.in)}</Measure>}
        {tokens && <Measure name="From cache">{count(tokens.cached)}</Measure>}
        {tokens && <Measure name="Tokens out">{count(tokens.out)}</Measure>}
        {cost && (
          <Measure name="Cost">
            {cost.amount.toPrecision(3)} {cost.currency}
          </Measure>
        )}
        {attempts.length > 1 && <Measure name="Attempts">{attempts.length}</Measure>}
      </Measures>
      <h3>Timeline</h3>
      <Timeline record={record} />
      <h3>Who and where</h3>
      <Where record={record} />
      <h3>Ids</h3>
      <Ids record={record} />
      <Prompt record={record} prompts={prompts} />
    </div>
  )
}

function Where({ record }: { readonly record: FinishedRecord }) {
  const { namespace = 'default', consumer, key, route, model, operation, stream, limit, assigned, served, instance } = record
  const query = inNamespace(namespace)
  const assignment = record.assignments?.[0]
  return (
    <Facts>
      {consumer !== undefined && (
        <Fact name="Consumer">
          <Link href={`/consumers/${consumer}${query}`}>{consumer}</Link>
          {key !== undefined && <span className="quiet"> with key {key}</span>}
        </Fact>
      )}
      {route !== undefined && (
        <Fact name="Route">
          <Link href={`/routes/${route}${query}`}>{route}</Link>
          {record.routeGeneration !== undefined && <span className="quiet"> generation {record.routeGeneration}</span>}
        </Fact>
      )}
      {model !== undefined && (
        <Fact name="Asked for">
          <span className="mono">{model}</span>
          <span className="quiet">
            {' '}
            {[operation, stream === undefined ? undefined : stream ? 'streamed' : 'in one piece'].filter(Boolean).join(', ')}
          </span>
        </Fact>
      )}
      {assigned !== undefined && (
        <Fact name="Assigned to">
          {assigned}
          <span className="quiet">
            {record.pinned && ', pinned by the client'}
            {record.preview && ', as a preview'}
            {assignment && `, ${assignment.share}\u202f% by ${assignment.by}`}
          </span>
        </Fact>
      )}
      {served !== undefined && (
        <Fact name="Answered by">
          {served}
          {instance !== undefined && <span className="quiet"> on {instance}</span>}
        </Fact>
      )}
      {limit !== undefined && (
        <Fact name="Refused by">
          <Link href={`/limits/${limit}${query}`}>{limit}</Link>
        </Fact>
      )}
      {record.error !== undefined && (
        <Fact name="Error code">
          <span className="mono">{record.error}</span>
        </Fact>
      )}
    </Facts>
  )
}

function Ids({ record }: { readonly record: StartedRecord | FinishedRecord }) {
  const { id, clientRequestId, gateway, boot, seq, time } = record
  return (
    <dl className="ids">
      <Id name="Request">{id}</Id>
      {clientRequestId !== undefined && <Id name="Client’s own">{clientRequestId}</Id>}
      <Id name="Gateway">{gateway}</Id>
      <Id name="Record">{`${boot}/${seq}`}</Id>
      <Id name={record.type === 'finished' ? 'Ended' : 'Seen running'}>{time}</Id>
    </dl>
  )
}

function Id({ name, children }: { readonly name: string; readonly children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="mono">{children}</dd>
      <dd>
        <CopyButton value={children}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="subtle" onClick={copy} aria-label={`Copy: ${name}`}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </dd>
    </div>
  )
}

function Prompt({ record, prompts }: { readonly record: FinishedRecord; readonly prompts: Detail['prompts'] }) {
  if (record.prompt)
    return (
      <section className="prompt-record" aria-label="Prompt">
        <p className="note">
          Prompts are recorded here (<code>--record-prompts</code>). Admins alone see them.
        </p>
        <CodeBlock title={record.prompt.truncated ? 'Prompt, cut off at 16 KiB' : 'Prompt'} code={pretty(record.prompt.text)} />
      </section>
    )
  const hint = !prompts.recorded
    ? 'What was asked is not recorded. `strata up --record-prompts` would, for later requests.'
    : prompts.readable
      ? 'This request’s prompt was not recorded.'
      : 'What was asked may be recorded; only admins see it.'
  return (
    <p className="quiet hint">
      <Prose text={hint} />
    </p>
  )
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text // cut off in the middle
  }
}
