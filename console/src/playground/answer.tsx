/** One answer as it grows, and what it took. */
import { Alert, Select } from '@mantine/core'
import { Measure, Measures } from '../parts/index.ts'
import { count, milliseconds, rate } from '../shell/format.ts'
import type { Progress } from './chat-stream.ts'

export type AnswerState =
  | { readonly phase: 'empty' }
  | { readonly phase: 'waiting' }
  | { readonly phase: 'streaming' | 'done' | 'stopped'; readonly progress: Progress }
  | { readonly phase: 'failed'; readonly message: string; readonly progress?: Progress }

export interface Pricing {
  readonly inputPerMillion: number
  readonly outputPerMillion: number
  readonly currency: string
}

export function AnswerPane(props: {
  readonly label: string
  readonly model: string
  readonly models: readonly { value: string; label: string }[]
  readonly onModel: (model: string) => void
  readonly state: AnswerState
  readonly pricing: (version: string | undefined) => Pricing | undefined
}) {
  const { state } = props
  const progress = 'progress' in state ? state.progress : undefined
  return (
    <section className="panel answer" aria-label={props.label}>
      <Select
        label={props.label}
        data={[...props.models]}
        value={props.model}
        onChange={(value) => value !== null && props.onModel(value)}
        allowDeselect={false}
        size="sm"
        searchable={props.models.length > 8}
      />
      <div className="answer-text" aria-live="polite" aria-busy={state.phase === 'streaming' || state.phase === 'waiting'}>
        {state.phase === 'empty' && <p className="quiet">The answer appears here.</p>}
        {state.phase === 'waiting' && <p className="quiet">Waiting for the first token…</p>}
        {progress?.text}
        {state.phase === 'streaming' && <span className="caret" aria-hidden />}
      </div>
      {state.phase === 'failed' && (
        <Alert color="red" variant="light" title="No whole answer" mt="xs">
          {state.message}
        </Alert>
      )}
      {progress?.simulated && (
        <Alert color="red" variant="light" mt="xs" title="Simulated">
          The model's weights are missing; the simulated engine wrote this.
        </Alert>
      )}
      {progress && <Took progress={progress} stopped={state.phase === 'stopped'} pricing={props.pricing(progress.version)} />}
    </section>
  )
}

function Took({ progress, stopped, pricing }: { progress: Progress; stopped: boolean; pricing: Pricing | undefined }) {
  const { firstToken, elapsed, tokensIn, tokensOut } = progress
  const generating = firstToken === undefined ? 0 : (elapsed - firstToken) / 1000
  const perSecond = tokensOut !== undefined && tokensOut > 1 && generating > 0 ? rate((tokensOut - 1) / generating) : '–'
  const cost =
    pricing && tokensIn !== undefined && tokensOut !== undefined
      ? (tokensIn * pricing.inputPerMillion + tokensOut * pricing.outputPerMillion) / 1e6
      : undefined
  return (
    <Measures>
      <Measure name="Version">{progress.version ?? '–'}</Measure>
      <Measure name="First token">{milliseconds(firstToken)}</Measure>
      <Measure name="Tokens">{perSecond}</Measure>
      <Measure name="In / out">{tokensIn === undefined ? '–' : `${count(tokensIn)} / ${count(tokensOut ?? 0)}`}</Measure>
      {cost !== undefined && <Measure name="Cost">{`${cost < 0.01 ? cost.toPrecision(2) : cost.toFixed(2)} ${pricing!.currency}`}</Measure>}
      <Measure name="Ended">{stopped ? 'stopped' : progress.finish === 'length' ? 'at the token limit' : (progress.finish ?? '…')}</Measure>
    </Measures>
  )
}
