/** Playground: one prompt, one answer or two side by side, measured as the caller sees it. */
import { Button, NumberInput, Switch, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type FormEvent, type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react'
import { useSystem } from '../api/system.tsx'
import { MayNot, Prose, useMay } from '../parts/index.ts'
import { useAddress } from '../shell/router.tsx'
import { AnswerPane, type AnswerState, type Pricing } from './answer.tsx'
import { type ChatCall, type Progress, streamChat } from './chat-stream.ts'
import { CodeDrawer } from './code-drawer.tsx'

const EMPTY: AnswerState = { phase: 'empty' }

export function Playground() {
  const { routes, versions, status } = useSystem()
  const models = useMemo(() => modelChoices(routes, versions), [routes, versions])
  const may = useMay('editor')
  const asked = useAddress().searchParams.get('model') ?? undefined
  const [chosen, setChosen] = useState<readonly [string | undefined, string | undefined]>(() => [asked, undefined])
  const [compare, setCompare] = useState(false)
  const [system, setSystem] = useState('')
  const [prompt, setPrompt] = useState('')
  const [temperature, setTemperature] = useState<number | undefined>(undefined)
  const [maxTokens, setMaxTokens] = useState<number | undefined>(256)
  const [seed, setSeed] = useState<number | undefined>(undefined)
  const [answers, setAnswers] = useState<readonly [AnswerState, AnswerState]>([EMPTY, EMPTY])
  const [code, codeDrawer] = useDisclosure()
  const running = useRef<AbortController | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => () => running.current?.abort(), [])

  // Compared are two versions; alone, what a client would call: the public name.
  const pinned = models.filter(({ value }) => value.includes('@'))
  const fallback = compare ? [pinned[0] ?? models[0], pinned[1] ?? pinned[0] ?? models[0]] : [models[0], models[0]]
  const model = (side: 0 | 1) => chosen[side] ?? fallback[side]?.value ?? ''
  // Two answers are comparable only from the same draw.
  const effectiveSeed = compare ? (seed ?? 1) : seed
  const call = (side: 0 | 1): ChatCall => ({
    model: model(side),
    system: system || undefined,
    prompt: prompt || 'Hello!',
    temperature,
    maxTokens,
    seed: effectiveSeed,
  })

  const set = (side: 0 | 1, state: AnswerState) => setAnswers((before) => (side === 0 ? [state, before[1]] : [before[0], state]))
  const ask = async (side: 0 | 1, abort: AbortController) => {
    set(side, { phase: 'waiting' })
    let last: Progress | undefined
    try {
      const done = await streamChat(call(side), abort.signal, (progress) => {
        last = progress
        set(side, { phase: 'streaming', progress })
      })
      set(side, { phase: 'done', progress: done })
    } catch (error) {
      if (abort.signal.aborted) set(side, last ? { phase: 'stopped', progress: last } : EMPTY)
      else set(side, { phase: 'failed', message: error instanceof Error ? error.message : String(error), progress: last })
    }
  }
  const send = async (event?: FormEvent) => {
    event?.preventDefault()
    if (!may || busy || prompt.trim() === '') return
    const abort = new AbortController()
    running.current = abort
    setBusy(true)
    await Promise.all(compare ? [ask(0, abort), ask(1, abort)] : [ask(0, abort)])
    setBusy(false)
  }
  const stop = () => running.current?.abort()
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) void send()
    if (event.key === 'Escape' && busy) stop()
  }
  const pricing = (version: string | undefined): Pricing | undefined =>
    versions.find(({ spec }) => `${spec.model}@${spec.version}` === version)?.spec.pricing

  return (
    <div className="page">
      <header className="page-head">
        <h1>Playground</h1>
        <Switch
          label="Compare two versions"
          checked={compare}
          onChange={(event) => setCompare(event.currentTarget.checked)}
          disabled={busy}
        />
      </header>
      <MayNot needed="editor" what="call models from here" />
      <div className={compare ? 'playground compare' : 'playground'}>
        <form className="panel prompt" onSubmit={send} onKeyDown={onKey}>
          <Textarea
            label="Prompt"
            placeholder="Ask something"
            autosize
            minRows={5}
            maxRows={16}
            value={prompt}
            onChange={(event) => setPrompt(event.currentTarget.value)}
            data-autofocus
          />
          <Textarea
            label="System message"
            description="Empty: the version's own."
            autosize
            minRows={1}
            maxRows={8}
            value={system}
            onChange={(event) => setSystem(event.currentTarget.value)}
          />
          <div className="parameters">
            <NumberInput
              label="Temperature"
              placeholder="version's"
              min={0}
              max={2}
              step={0.1}
              value={temperature ?? ''}
              onChange={(value) => setTemperature(asNumber(value))}
            />
            <NumberInput
              label="Max tokens"
              placeholder="version's"
              min={1}
              max={100_000}
              step={64}
              value={maxTokens ?? ''}
              onChange={(value) => setMaxTokens(asNumber(value))}
            />
            <NumberInput
              label="Seed"
              placeholder={compare ? '1' : 'none'}
              value={effectiveSeed ?? ''}
              onChange={(value) => setSeed(asNumber(value))}
              allowDecimal={false}
            />
          </div>
          <div className="actions">
            {busy ? (
              // Keys: were it one element that turns into the other within the click, the click would also send.
              <Button key="stop" type="button" color="red" variant="light" onClick={stop}>
                Stop
              </Button>
            ) : (
              <Button key="send" type="submit" disabled={!may || prompt.trim() === '' || models.length === 0}>
                Send
              </Button>
            )}
            <Button type="button" variant="default" onClick={codeDrawer.open} disabled={models.length === 0}>
              Code
            </Button>
            <span className="quiet hint">Ctrl+Enter sends, Esc stops</span>
          </div>
          {models.length === 0 && (
            <p className="quiet">
              <Prose text="No route leads to a chat model yet. `strata apply -f` a Model, a ModelVersion and a Route; `examples/` has some." />
            </p>
          )}
        </form>
        <AnswerPane
          label={compare ? 'Left' : 'Model'}
          model={model(0)}
          models={models}
          onModel={(value) => setChosen([value, chosen[1]])}
          state={answers[0]}
          pricing={pricing}
        />
        {compare && (
          <AnswerPane
            label="Right"
            model={model(1)}
            models={models}
            onModel={(value) => setChosen([chosen[0], value])}
            state={answers[1]}
            pricing={pricing}
          />
        )}
      </div>
      <CodeDrawer call={call(0)} gatewayUrl={status?.gatewayUrl ?? ''} opened={code} onClose={codeDrawer.close} />
    </div>
  )
}

function asNumber(value: string | number): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Public names first (the route decides), then each version behind them. */
function modelChoices(routes: ReturnType<typeof useSystem>['routes'], versions: ReturnType<typeof useSystem>['versions']) {
  const choices: { value: string; label: string }[] = []
  for (const route of routes) for (const name of route.spec.models) choices.push({ value: name, label: `${name} (as routed)` })
  for (const route of routes) {
    const name = route.spec.models[0]!
    const models = new Set(
      route.spec.targets.flatMap(({ version }) => versions.find(({ metadata }) => metadata.name === version)?.spec.model ?? []),
    )
    for (const { spec } of versions) {
      const value = `${name}@${spec.version}`
      if (models.has(spec.model) && !choices.some((choice) => choice.value === value)) choices.push({ value, label: value })
    }
  }
  return choices
}
