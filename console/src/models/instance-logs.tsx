/** What an instance has printed, as it goes on. What is on the screen stays as it is while somebody reads further up, or has stopped it. */
import { Button, CopyButton, Loader } from '@mantine/core'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import type { InstanceLogs as Printed } from '../../../src/control/api/instances.ts'
import { MayNot, ProblemNote, useFetched, useMay } from '../parts/index.ts'
import { plainLine } from './instance-words.ts'

const LINES = 200
const EVERY_MS = 2_000
/** From the end, pixels: nearer than a line is at the end. */
const AT_END_PX = 12
const NOT_FOUND = 404

/** `gone`: it has left, and there is nothing to ask any more. */
export function InstanceLogs({ id, gone }: { readonly id: string; readonly gone: boolean }) {
  const heading = useId()
  const may = useMay('editor')
  const [stopped, setStopped] = useState(false)
  const [atEnd, setAtEnd] = useState(true)
  const [lines, setLines] = useState<readonly string[]>()
  const box = useRef<HTMLElement>(null)
  const following = !stopped && atEnd
  const asks = may && !gone && (following || lines === undefined)
  const { data, error } = useFetched<Printed>(asks ? `/instances/${encodeURIComponent(id)}/logs?lines=${LINES}` : undefined, EVERY_MS)
  const left = gone || error?.status === NOT_FOUND

  useEffect(() => {
    if (data) setLines(data.lines.map(plainLine))
  }, [data])
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves the end
  useLayoutEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [following, lines])

  const follow = () => {
    setStopped(false)
    setAtEnd(true)
  }
  const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: React.UIEvent) =>
    setAtEnd(scrollHeight - scrollTop - clientHeight < AT_END_PX)

  return (
    <section className="instance-logs" aria-labelledby={heading}>
      <div className="panel-head">
        <h3 id={heading}>Logs</h3>
        {may && (
          <span className="actions">
            <span className="quiet hint" role="status">
              {left ? 'it has left' : following ? 'as it prints' : stopped ? 'stopped' : 'held while you read'}
            </span>
            {!left && (
              <Button size="compact-xs" variant="default" onClick={following ? () => setStopped(true) : follow}>
                {following ? 'Stop' : 'Follow'}
              </Button>
            )}
            {lines && lines.length > 0 && (
              <CopyButton value={`${lines.join('\n')}\n`}>
                {({ copied, copy }) => (
                  <Button size="compact-xs" variant="default" onClick={copy}>
                    {copied ? 'Copied' : 'Copy'}
                  </Button>
                )}
              </CopyButton>
            )}
          </span>
        )}
      </div>
      <MayNot needed="editor" what="read what an instance prints, which may have words of a prompt in it," />
      {error && !left && <ProblemNote error={error} />}
      {lines && lines.length > 0 ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach what is hidden
        <section className="log-lines" aria-label={`What ${id} has printed`} tabIndex={0} ref={box} onScroll={onScroll}>
          {lines.map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity
            <span key={at}>{`${line}\n`}</span>
          ))}
        </section>
      ) : (
        may && !(error && !left) && <NoLines left={left} asked={lines !== undefined} />
      )}
    </section>
  )
}

function NoLines({ left, asked }: { readonly left: boolean; readonly asked: boolean }) {
  if (left) return <p className="quiet flat">It has left: what it printed cannot be asked for any more.</p>
  if (asked) return <p className="quiet flat">It has printed nothing yet.</p>
  return (
    <p className="quiet flat" role="status">
      <Loader size="xs" /> Reading what it has printed…
    </p>
  )
}
